// Sockets, pipes, and descriptors passed along with messages.
#include "args.h"
#include <cstddef>
#include <ctime>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace tsrun {
namespace {

constexpr size_t maxFds = 253; // SCM_MAX_FD of the kernel

napi_value pairToJs(napi_env env, Result failed, const int pair[2]) {
  if (failed < 0) return toJs(env, failed);
  AnswerList answer(env);
  answer.push(toJs(env, Result{pair[0]}));
  answer.push(toJs(env, Result{pair[1]}));
  return answer;
}

napi_value makeSocketpair(napi_env env) {
  int pair[2];
  return pairToJs(env, result(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)), pair);
}

napi_value makePipe(napi_env env) {
  int pair[2];
  return pairToJs(env, result(::pipe2(pair, O_CLOEXEC)), pair);
}

/**
 * connect(2) that comes to an end: where the listener's queue is full, the kernel would wait for as long as nobody accepts.
 * @returns -EAGAIN then
 */
Result connectInTime(int fd, const sockaddr_un &address, socklen_t length) {
  constexpr int attempts = 500;
  constexpr timespec pause = {0, 10'000'000};
  for (int attempt = 1;; attempt++) {
    Result connected = retry([&] { return ::connect(fd, reinterpret_cast<const sockaddr *>(&address), length); });
    if (connected != -EAGAIN || attempt == attempts) return connected;
    nanosleep(&pause, nullptr);
  }
}

/** A name that begins with `@` is an abstract one, as in NOTIFY_SOCKET. */
Result connectAs(int type, const char *path) {
  sockaddr_un address = {AF_UNIX, ""};
  socklen_t length = sizeof address;
  Fd file(-1);
  const char *reached = path;
  char viaFd[32];
  if (!*path) return -ENOENT; // an empty name would mean an abstract socket
  const bool isAbstract = type == SOCK_DGRAM && *path == '@';
  if (strlen(path) >= sizeof address.sun_path) {
    if (isAbstract) return -ENAMETOOLONG;
    Result opened = retry([&] { return ::open(path, O_PATH | O_CLOEXEC); });
    if (opened < 0) return opened;
    file.reset(static_cast<int>(opened));
    snprintf(viaFd, sizeof viaFd, "/proc/self/fd/%d", file.get());
    reached = viaFd;
  }
  memcpy(address.sun_path, reached, strlen(reached));
  if (isAbstract) {
    address.sun_path[0] = '\0';
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + strlen(reached));
  }
  Fd fd(result(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  if (fd.get() < 0) return fd.get();
  if (Result failed = connectInTime(fd.get(), address, length); failed < 0) return failed;
  if (Result failed = result(fcntl(fd.get(), F_SETFL, 0)); failed < 0) return failed;
  return fd.move();
}

Result connectUnix(napi_env, const char *path) { return connectAs(SOCK_STREAM, path); }
Result connectDatagram(napi_env, const char *path) { return connectAs(SOCK_DGRAM, path); }

/** A socket that receives datagrams under a name in a directory, and never waits for one. */
Result bindDatagram(napi_env, int directory, const char *name) {
  sockaddr_un address = {AF_UNIX, ""};
  const int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, name);
  if (length < 0 || static_cast<size_t>(length) >= sizeof address.sun_path) return -ENAMETOOLONG;
  Fd fd(result(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  if (fd.get() < 0) return fd.get();
  Result failed = result(::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address));
  return failed < 0 ? failed : fd.move();
}

Result sendMessage(napi_env, int fd, Bytes data, const List<int> &fds) {
  if (fds.size() > maxFds) return -E2BIG;
  iovec part = {data.data, data.size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(maxFds * sizeof(int))] = {};
  if (fds.size() > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  return retry([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
}

napi_value receiveMessage(napi_env env, int fd, Bytes buffer) {
  iovec part = {buffer.data, buffer.size};
  msghdr message = {};
  alignas(cmsghdr) char control[CMSG_SPACE(maxFds * sizeof(int))];
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  Result length = retry([&] { return ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC); });
  if (length < 0) return toJs(env, length);

  AnswerList fds(env);
  for (cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int passed;
      memcpy(&passed, CMSG_DATA(header) + at, sizeof passed);
      fds.push(toJs(env, Result{passed}));
    }
  }
  Answer received(env);
  received.set("length", toJs(env, length));
  received.set("fds", fds);
  received.set("truncated", toJs(env, (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0));
  return received;
}

Result setNonblocking(napi_env, int fd, bool on) {
  Result flags = result(fcntl(fd, F_GETFL));
  if (flags < 0) return flags;
  return result(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

Result netlinkSocket(napi_env) { return result(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)); }

Result connectNetlink(napi_env, int fd) {
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  return result(::connect(fd, reinterpret_cast<sockaddr *>(&kernel), sizeof kernel));
}

const Function functions[] = {
    {"socketpair", {}, bind<makeSocketpair>},
    {"pipe", {}, bind<makePipe>},
    {"netlinkSocket", {}, bind<netlinkSocket>},
    {"connectNetlink", {"fd"}, bind<connectNetlink>},
    {"connectUnix", {"path"}, bind<connectUnix>},
    {"connectDatagram", {"path"}, bind<connectDatagram>},
    {"bindDatagram", {"directory", "name"}, bind<bindDatagram>},
    {"sendMessage", {"fd", "data", "fds"}, bind<sendMessage>},
    {"receiveMessage", {"fd", "buffer"}, bind<receiveMessage>},
    {"setNonblocking", {"fd", "on"}, bind<setNonblocking>},
};

} // namespace

const Functions socketFunctions = {functions, std::size(functions)};

} // namespace tsrun
