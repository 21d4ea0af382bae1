#include "runtime/base/thread_start.hpp"
#include <csignal>
#include <mutex>
#include <pthread.h>
#include <sys/resource.h>
#include <system_error>
#include <vector>

namespace actord {

namespace {

error no_thread(const std::string& what, const std::system_error& e) {
  return {errc::internal, "cannot start " + what + ": " + e.code().message() +
                              ". Look at the limits of processes and threads (ulimit -u, TasksMax= of a systemd unit, pids of a container) and of memory (ulimit -v: each thread reserves its stack, ulimit -s)"};
}

// While it lives, threads that are made do not take the signals that are sent to the process.
class signals_elsewhere {
public:
  signals_elsewhere() {
    sigset_t of_the_process;
    sigemptyset(&of_the_process);
    for (int s : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaddset(&of_the_process, s);
    ::pthread_sigmask(SIG_BLOCK, &of_the_process, &before_);
  }
  ~signals_elsewhere() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_elsewhere(const signals_elsewhere&) = delete;
  signals_elsewhere& operator=(const signals_elsewhere&) = delete;

private:
  sigset_t before_{};
};

} // namespace

result<std::thread> start_thread(const std::string& name, std::function<void()> run) {
  try {
    signals_elsewhere hold;
    std::thread t(std::move(run));
    ::pthread_setname_np(t.native_handle(), name.substr(0, 15).c_str());
    return t;
  } catch (const std::system_error& e) {
    return no_thread("thread " + name, e);
  }
}

status can_have_threads(size_t count) {
  std::mutex all_made;
  std::vector<std::thread> made;
  status outcome;
  {
    std::lock_guard hold(all_made); // they wait, so that they exist at the same time
    try {
      while (made.size() < count) made.emplace_back([&all_made] { std::lock_guard wait(all_made); });
    } catch (const std::system_error& e) {
      outcome = no_thread("thread " + std::to_string(made.size() + 1) + " of the " + std::to_string(count) + " that the agent needs", e);
    }
  }
  for (auto& t : made) t.join();
  return outcome;
}

void lower_thread_priority() {
  constexpr int background = 10;
  if (::getpriority(PRIO_PROCESS, 0) < background) ::setpriority(PRIO_PROCESS, 0, background); // 0: the calling thread, in Linux
}

} // namespace actord
