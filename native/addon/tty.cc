// Terminals.
#include "args.h"
#include <sys/ioctl.h>
#include <termios.h>

namespace tsrun {

template <> struct Reader<winsize> {
  Reader<uint16_t> rows, columns;
  bool read(napi_env env, napi_value value, const Where &where) {
    return isObject(env, value, where) && readMember(env, value, where, "rows", true, rows) &&
           readMember(env, value, where, "columns", true, columns);
  }
  winsize value() { return {rows.value(), columns.value(), 0, 0}; }
};

namespace {

Result get(int fd, termios *settings) { return result(tcgetattr(fd, settings)); }

// At once (TCSANOW): waiting for the output to drain hangs where it has been stopped (^S).
Result set(int fd, const termios &settings) {
  return retry([&] { return tcsetattr(fd, TCSANOW, &settings); });
}

bool isTerminal(napi_env, int fd) {
  termios settings;
  return get(fd, &settings) == 0;
}

Result terminalOnlcr(napi_env, int fd, bool on) {
  termios settings;
  if (Result failed = get(fd, &settings); failed < 0) return failed;
  if (on) settings.c_oflag |= ONLCR;
  else settings.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  return set(fd, settings);
}

napi_value windowSize(napi_env env, int fd) {
  winsize size;
  if (Result failed = result(ioctl(fd, TIOCGWINSZ, &size)); failed < 0) return toJs(env, failed);
  Answer answer(env);
  answer.set("rows", size.ws_row);
  answer.set("columns", size.ws_col);
  return answer;
}

Result setWindowSize(napi_env, int fd, winsize size) { return result(ioctl(fd, TIOCSWINSZ, &size)); }

const Function functions[] = {
    {"isatty", {"fd"}, bind<isTerminal>},
    {"terminalOnlcr", {"fd", "on"}, bind<terminalOnlcr>},
    {"windowSize", {"fd"}, bind<windowSize>},
    {"setWindowSize", {"fd", "size"}, bind<setWindowSize>},
};

} // namespace

const Functions terminalFunctions = {functions, std::size(functions)};

} // namespace tsrun
