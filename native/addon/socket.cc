// Sockets, pipes, and descriptors passed along with messages.
#include "args.h"
#include <fcntl.h>
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

Result connectUnix(napi_env, const char *path) {
  sockaddr_un address = {AF_UNIX, ""};
  Fd file(-1);
  const char *reached = path;
  char viaFd[32];
  if (!*path) return -ENOENT; // an empty name would mean an abstract socket
  if (strlen(path) >= sizeof address.sun_path) {
    Result opened = retry([&] { return ::open(path, O_PATH | O_CLOEXEC); });
    if (opened < 0) return opened;
    file.reset(static_cast<int>(opened));
    snprintf(viaFd, sizeof viaFd, "/proc/self/fd/%d", file.get());
    reached = viaFd;
  }
  memcpy(address.sun_path, reached, strlen(reached));
  Fd fd(result(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  if (fd.get() < 0) return fd.get();
  Result failed = retry([&] { return ::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address); });
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

const Function functions[] = {
    {"socketpair", {}, bind<makeSocketpair>},
    {"pipe", {}, bind<makePipe>},
    {"connectUnix", {"path"}, bind<connectUnix>},
    {"sendMessage", {"fd", "data", "fds"}, bind<sendMessage>},
    {"receiveMessage", {"fd", "buffer"}, bind<receiveMessage>},
    {"setNonblocking", {"fd", "on"}, bind<setNonblocking>},
};

} // namespace

const Functions socketFunctions = {functions, std::size(functions)};

} // namespace tsrun
