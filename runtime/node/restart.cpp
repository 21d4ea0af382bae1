#include "runtime/node/restart.hpp"
#include "runtime/telemetry/log_writer.hpp"
#include "storage/lmdb/fault.hpp"
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace actord {

namespace {

constexpr std::string_view count_name = "CONSUL_ACTORD_RESTARTS="; // <number>@<unix time of the first>

// Made before they are needed: a signal handler allocates nothing.
char** arguments = nullptr;
std::vector<char*> surroundings;
std::string count_text;
bool allowed = false;
constexpr std::array<std::string_view, 2> causes{"a fault inside of the database", "an assertion of the database"};
struct guarded { // a database
  std::string_view name;
  std::string mark, text[causes.size()];
};
guarded of_state{"state", {}, {}}, of_log{"Raft log", {}, {}};

// Anything but the words of the state's mark means that it is not trusted, so half a mark does as well; and no mark, too. Of the log it is
// enough that its mark is there.
void mark_damaged(const guarded& what, size_t cause) {
  const int fd = ::open(what.mark.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) {
    ::unlink(what.mark.c_str());
    return;
  }
  [[maybe_unused]] auto n = ::write(fd, what.text[cause].data(), what.text[cause].size());
  ::fsync(fd);
  ::close(fd);
}

using telemetry::last_words;

void leave(const guarded& what, size_t cause) {
  mark_damaged(what, cause);
  telemetry::drain_logs();
  last_words("==> The ");
  last_words(what.name);
  last_words(" is damaged (");
  last_words(causes[cause]);
  last_words("): starting anew, which rebuilds it\n");
  restart_in_place();
  last_words("==> Started anew too often: giving up\n");
}

void leave(lmdb::owner of, size_t cause) {
  if (of == lmdb::owner::state) leave(of_state, cause);
  if (of == lmdb::owner::log) leave(of_log, cause);
}

void faulted(int signal, siginfo_t* about, void*) {
  // One sent by somebody has no address.
  if (about->si_code > 0) leave(lmdb::owner_of_fault(about->si_addr), 0);
  telemetry::drain_logs();
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(signal, &usual, nullptr);
  ::raise(signal); // blocked until the handler returns
}

void asserted(lmdb::owner of, const char* text) {
  telemetry::drain_logs();
  last_words(text);
  last_words("\n");
  leave(of, 1);
}

} // namespace

void keep_for_restart(char** argv) {
  arguments = argv;
  unsigned count = 0;
  long since = 0;
  const long now = static_cast<long>(std::time(nullptr));
  const std::string name(count_name.substr(0, count_name.size() - 1));
  if (const char* text = std::getenv(name.c_str())) {
    const char* end = text + std::strlen(text);
    auto [at, bad] = std::from_chars(text, end, count);
    if (bad != std::errc() || at == end || std::from_chars(at + 1, end, since).ec != std::errc()) count = 0;
    if (since > now || now - since > restart_window.count()) count = 0;
  }
  ::unsetenv(name.c_str());
  allowed = count < most_restarts;
  count_text = std::string(count_name) + std::to_string(count + 1) + "@" + std::to_string(count == 0 ? now : since);
  surroundings.clear();
  for (char** e = environ; *e; ++e) surroundings.push_back(*e);
  surroundings.push_back(count_text.data());
  surroundings.push_back(nullptr);
}

bool may_restart() { return allowed && arguments != nullptr; }

void restart_in_place() {
  if (!may_restart()) return;
  sigset_t faults;
  sigemptyset(&faults);
  sigaddset(&faults, SIGSEGV);
  sigaddset(&faults, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &faults, nullptr);
  ::syscall(SYS_close_range, 3U, ~0U, 0U); // connections, too: nobody would read from them
  ::execve("/proc/self/exe", arguments, surroundings.data());
}

void guard_databases(const std::string& state_folder, const std::string& log_fault_mark) {
  of_state.mark = state_folder + "/run";
  of_log.mark = log_fault_mark;
  for (size_t i = 0; i < causes.size(); ++i) {
    of_state.text[i] = "?\ndamaged\n" + std::string(causes[i]) + "\n";
    of_log.text[i] = std::string(causes[i]) + "\n";
  }
  lmdb::on_assertion(asserted);
  struct sigaction action{};
  action.sa_sigaction = faulted;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGSEGV, SIGBUS}) ::sigaction(signal, &action, nullptr);
}

} // namespace actord
