#include "runtime/net/child.hpp"
#include "runtime/base/errno_text.hpp"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace actord::net {
namespace {

constexpr int poll_ms = 200; // how long a stop may go unnoticed
constexpr int killed_ms = 2000; // how long one that was killed is waited for
constexpr int reads_after_end = 64; // a pipe's worth and more: what its own children write later is not waited for

std::vector<std::string> words_of(const child_command& c) {
  if (!c.shell) return c.words;
  std::string line;
  for (auto& w : c.words) line += (line.empty() ? "" : " ") + w;
  const char* shell = std::getenv("SHELL");
  return {shell && *shell ? shell : "/bin/sh", "-c", line};
}

// What exec needs is made before the fork: a process with threads may not allocate after it.
struct prepared {
  std::vector<std::string> words, variables;
  std::vector<char*> argv, envp;

  prepared(const child_command& c, const std::vector<std::string>& more) : words(words_of(c)), variables(more) {
    for (auto& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    auto given = [&](std::string_view entry) {
      auto name = entry.substr(0, entry.find('=') + 1);
      return std::ranges::any_of(more, [&](auto& m) { return m.starts_with(name); });
    };
    for (char** e = environ; *e; ++e)
      if (!given(*e)) envp.push_back(*e);
    for (auto& v : variables) envp.push_back(v.data());
    envp.push_back(nullptr);
  }
};

[[noreturn]] void become(const prepared& p, const child_streams& s, int null, int started) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_DFL);
  if (s.own_group) ::setpgid(0, 0);
  ::dup2(s.input >= 0 ? s.input : null, STDIN_FILENO);
  if (s.output >= 0) {
    ::dup2(s.output, STDOUT_FILENO);
    ::dup2(s.output, STDERR_FILENO);
  }
  // Before and not by the exec, which may hang: nobody else could have our ports and the lock of the data directory until it ends.
  if (s.own_group) {
    ::syscall(SYS_close_range, 3U, static_cast<unsigned>(started) - 1, 0U);
    ::syscall(SYS_close_range, static_cast<unsigned>(started) + 1, ~0U, 0U);
  }
  ::execvpe(p.argv[0], p.argv.data(), p.envp.data());
  int why = errno;
  [[maybe_unused]] auto told = ::write(started, &why, sizeof why);
  ::_exit(127);
}

// Is it to be read without waiting any longer, or given up?
bool waits_for(int fd, pid_t pid, const std::function<bool()>& stop) {
  if (!stop) return true;
  pollfd readable{fd, POLLIN, 0};
  while (::poll(&readable, 1, 50) == 0) {
    if (!stop()) continue;
    ::kill(pid, SIGKILL);
    return ::poll(&readable, 1, killed_ms) != 0; // one in the kernel's uninterruptible sleep does not end
  }
  return true;
}

// Both ways at once: a child that writes before it has read all must not wait for ever.
class exchange {
public:
  exchange(int to, int from, std::string_view input, const child_limits& limits, pid_t pid)
      : to_(to), from_(from), input_(input), limits_(limits), pid_(pid) {
    ::fcntl(to_, F_SETFL, O_NONBLOCK);
    if (from_ >= 0) ::fcntl(from_, F_SETFL, O_NONBLOCK);
  }
  void run(child_outcome& out, int& state) {
    if (input_.empty()) close_end(to_);
    bool ended = false;
    std::optional<std::chrono::steady_clock::time_point> killed;
    while (!ended) {
      pollfd fds[2] = {{to_, POLLOUT, 0}, {from_, POLLIN, 0}}; // poll passes over -1
      const bool waits_for_streams = to_ >= 0 || from_ >= 0;
      if (waits_for_streams) ::poll(fds, 2, ended_check());
      if (to_ >= 0 && fds[0].revents) write_some();
      if (from_ >= 0 && fds[1].revents) read_some(out);
      if (limits_.stop && limits_.stop()) {
        ::kill(-pid_, SIGKILL);
        if (!killed) killed = std::chrono::steady_clock::now();
        if (std::chrono::steady_clock::now() - *killed > std::chrono::milliseconds(killed_ms) && !reap(state, false)) {
          state = SIGKILL; // as if it had ended
          break;
        }
      }
      ended = reap(state, !waits_for_streams && !limits_.stop);
      if (!ended && !waits_for_streams && limits_.stop) ::usleep(20000);
    }
    for (int i = 0; i < reads_after_end && from_ >= 0 && more(); ++i) read_some(out);
    close_end(to_);
    close_end(from_);
  }

private:
  int ended_check() const { return from_ >= 0 ? 50 : poll_ms; }
  // Is there something in the pipe of a child that has ended? Its own children may still hold the pipe open.
  bool more() const {
    pollfd fd{from_, POLLIN, 0};
    return ::poll(&fd, 1, 0) > 0;
  }
  static void close_end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  bool reap(int& state, bool wait) const {
    for (;;) {
      auto got = ::waitpid(pid_, &state, wait ? 0 : WNOHANG);
      if (got < 0 && errno == EINTR) continue;
      return got != 0;
    }
  }
  void write_some() {
    auto n = ::write(to_, input_.data(), input_.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) input_.remove_prefix(static_cast<size_t>(n));
    if (n <= 0 || input_.empty()) close_end(to_);
  }
  // One piece a call, so that a child that never stops writing does not keep us from asking whether to stop.
  void read_some(child_outcome& out) {
    char piece[16 * 1024];
    auto n = ::read(from_, piece, sizeof piece);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) return close_end(from_);
    out.output_bytes += static_cast<uint64_t>(n);
    if (limits_.output) return limits_.output({piece, static_cast<size_t>(n)});
    out.output.append(piece, static_cast<size_t>(n));
    if (out.output.size() > limits_.capture) out.output.erase(0, out.output.size() - limits_.capture);
  }

  int to_, from_;
  std::string_view input_;
  const child_limits& limits_;
  pid_t pid_;
};

} // namespace

result<pid_t> start_child(const child_command& command, const std::vector<std::string>& more, const child_streams& streams, const std::function<bool()>& stop) {
  if (command.words.empty()) return error{errc::bad_request, "need an executable to run"};
  prepared p(command, more);
  int started[2];
  if (::pipe2(started, O_CLOEXEC) != 0) return error{errc::internal, "pipe: " + go_errno_text(errno)};
  int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_t pid = ::fork();
  if (pid == 0) become(p, streams, null, started[1]);
  int why = pid < 0 ? errno : 0;
  ::close(started[1]);
  if (null >= 0) ::close(null);
  if (pid > 0 && !waits_for(started[0], pid, stop)) {
    ::close(started[0]);
    return error{errc::internal, "fork/exec " + p.words[0] + ": stopped while it was being started"};
  }
  if (pid > 0) {
    ssize_t got;
    do got = ::read(started[0], &why, sizeof why);
    while (got < 0 && errno == EINTR);
    if (got != sizeof why) why = 0;
    else ::waitpid(pid, nullptr, 0);
  }
  ::close(started[0]);
  if (why == 0) return pid;
  if (why == ENOENT && p.words[0].find('/') == std::string::npos)
    return error{errc::internal, "exec: \"" + p.words[0] + "\": executable file not found in $PATH"};
  return error{errc::internal, "fork/exec " + p.words[0] + ": " + go_errno_text(why)};
}

std::string end_of_child(int state) {
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return {};
  if (!WIFSIGNALED(state)) return "exit status " + std::to_string(WEXITSTATUS(state));
  std::string name = ::strsignal(WTERMSIG(state));
  if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] + 32);
  return "signal: " + name;
}

child_outcome run_child(const child_command& command, const std::vector<std::string>& more, std::string_view input, const child_limits& limits) {
  child_outcome out;
  int in[2], from[2] = {-1, -1};
  if (::pipe2(in, O_CLOEXEC) != 0) return out.failed_start = "pipe: " + go_errno_text(errno), out;
  if ((limits.capture > 0 || limits.output) && ::pipe2(from, O_CLOEXEC) != 0) {
    out.failed_start = "pipe: " + go_errno_text(errno);
    ::close(in[0]);
    ::close(in[1]);
    return out;
  }
  auto pid = start_child(command, more, {in[0], from[1], static_cast<bool>(limits.stop)}, limits.stop);
  ::close(in[0]);
  if (from[1] >= 0) ::close(from[1]);
  if (!pid) {
    out.failed_start = pid.err().text;
    ::close(in[1]);
    if (from[0] >= 0) ::close(from[0]);
    return out;
  }
  int state = 0;
  if (limits.started) limits.started(*pid);
  exchange(in[1], from[0], input, limits, *pid).run(out, state);
  if (limits.started) limits.started(0);
  out.failed_end = end_of_child(state);
  out.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  return out;
}

} // namespace actord::net
