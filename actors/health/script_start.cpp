#include "actors/health/script_start.hpp"
#include "runtime/base/thread_start.hpp"
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace actord::health {

namespace {

constexpr size_t most_starting = 128;

struct spawn_setup {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  spawn_setup() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~spawn_setup() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;
};

// 0 or an errno.
int spawn_group(const std::vector<std::string>& words, int out, pid_t& pid) {
  spawn_setup setup;
  posix_spawn_file_actions_addopen(&setup.files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&setup.files, out, 1);
  posix_spawn_file_actions_adddup2(&setup.files, out, 2);
  posix_spawn_file_actions_addclosefrom_np(&setup.files, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  posix_spawnattr_setsigmask(&setup.attributes, &none);
  posix_spawnattr_setsigdefault(&setup.attributes, &all);
  posix_spawnattr_setpgroup(&setup.attributes, 0);
  posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> argv;
  for (auto& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  return posix_spawnp(&pid, argv[0], &setup.files, &setup.attributes, argv.data(), environ);
}

} // namespace

// What the threads know of the loop.
struct script_starts::shared {
  struct outcome {
    uint64_t number = 0;
    int code = 0;
    pid_t pid = -1;
  };
  std::mutex lock;
  net::io_loop* loop = nullptr; // null once nobody takes outcomes any more
  std::vector<outcome> outcomes; // that the loop has not taken
  std::map<uint64_t, started> waiting; // the loop's thread alone
  uint64_t next = 0;
};

script_starts::script_starts(net::io_loop& loop, killed_processes& killed) : loop_(loop), killed_(killed), shared_(std::make_shared<shared>()) { shared_->loop = &loop; }

script_starts::~script_starts() {
  std::lock_guard hold(shared_->lock);
  shared_->loop = nullptr;
  for (auto& o : shared_->outcomes)
    if (o.code == 0) ::kill(-o.pid, SIGKILL), ::waitpid(o.pid, nullptr, WNOHANG);
}

status script_starts::start(std::vector<std::string> words, int out, started done) {
  auto& s = *shared_;
  const auto give_up = [out](error e) -> status {
    ::close(out);
    return e;
  };
  if (s.waiting.size() >= most_starting) return give_up({errc::internal, std::to_string(s.waiting.size()) + " other scripts are still being started: does a file system hang?"});
  const auto number = ++s.next;
  auto take = [this, weak = std::weak_ptr<shared>(shared_)] {
    auto all = weak.lock();
    if (!all) return;
    std::vector<shared::outcome> outcomes;
    {
      std::lock_guard hold(all->lock);
      if (all->loop == nullptr) return;
      outcomes.swap(all->outcomes);
    }
    for (auto& o : outcomes) {
      auto who = all->waiting.extract(o.number);
      const bool wanted = !who.empty() && who.mapped()(o.code, o.pid);
      if (wanted || o.code != 0) continue;
      ::kill(-o.pid, SIGKILL);
      if (::waitpid(o.pid, nullptr, WNOHANG) != o.pid) killed_.take(o.pid);
    }
  };
  auto t = start_thread("script", [all = shared_, number, words = std::move(words), out, take = std::move(take)] {
    shared::outcome o{number, 0, -1};
    o.code = spawn_group(words, out, o.pid);
    ::close(out);
    std::lock_guard hold(all->lock);
    if (all->loop == nullptr) {
      if (o.code == 0) ::kill(-o.pid, SIGKILL);
      return;
    }
    all->outcomes.push_back(o);
    if (all->outcomes.size() == 1) all->loop->post(take);
  });
  if (!t) return give_up(t.err());
  t->detach();
  s.waiting.emplace(number, std::move(done));
  return {};
}

} // namespace actord::health
