// Scripts: a process group of its own, its output's end kept, the whole group killed when the time is over.
#include "actors/health/dial.hpp"
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace actord::health {

namespace {

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

// 0 or an errno. stdin is /dev/null, stdout and stderr go to `out`; nothing else of ours is inherited.
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

class script_run final : public check_run, public net::io_handler {
public:
  script_run(run_context& context, std::shared_ptr<const check_registration> check, done_function done)
      : context_(context), check_(std::move(check)), done_(std::move(done)), output_(output_cap(*check_, context.output_cap)) {}
  ~script_run() override { abort(); }

  void start() override {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return say(critical("pipe: " + errno_text(errno)));
    read_end_ = ends[0];
    fcntl(ends[1], F_SETFL, 0); // the script's side blocks as any pipe does
    const int code = spawn_group(check_->script_args, ends[1], pid_);
    ::close(ends[1]);
    if (code != 0) {
      pid_ = -1;
      const std::string& program = check_->script_args.front();
      if (code == ENOENT && program.find('/') == std::string::npos)
        return say(critical("exec: \"" + program + "\": executable file not found in $PATH"));
      return say(critical("fork/exec " + program + ": " + errno_text(code)));
    }
    (void)context_.loop->watch(read_end_, EPOLLIN, this);
    timer_ = context_.loop->call_after(check_pace(*check_).timeout(), [this] { timed_out(); });
    exit_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    if (exit_fd_ < 0 || !context_.loop->watch(exit_fd_, EPOLLIN, this)) look_again(); // kernels before 5.3
  }

  void on_io(uint32_t) override {
    read_output();
    reap(WNOHANG);
  }

  void abort() override {
    done_ = nullptr;
    for (auto* t : {&timer_, &poll_}) context_.loop->cancel(std::exchange(*t, 0));
    for (int* fd : {&read_end_, &exit_fd_})
      if (*fd >= 0) {
        context_.loop->unwatch(*fd, this);
        ::close(std::exchange(*fd, -1));
      }
    if (pid_ > 0) {
      kill(-pid_, SIGKILL);
      waitpid(pid_, nullptr, 0); // killed just now: returns at once
      pid_ = -1;
    }
  }

private:
  void look_again() {
    poll_ = context_.loop->call_after(std::chrono::milliseconds(20), [this] {
      poll_ = 0;
      auto keep = shared_from_this();
      reap(WNOHANG);
      if (pid_ > 0) look_again();
    });
  }
  void read_output() {
    char buffer[16384];
    // Bounded per event, so that a babbling script leaves the loop to others.
    for (int i = 0; i < 16 && read_end_ >= 0; ++i) {
      const ssize_t n = read(read_end_, buffer, sizeof buffer);
      if (n > 0) output_.write({buffer, static_cast<size_t>(n)});
      else if (n == 0) {
        context_.loop->unwatch(read_end_, this);
        ::close(std::exchange(read_end_, -1));
      } else return;
    }
  }
  void reap(int flags) {
    int how = 0;
    if (pid_ <= 0 || waitpid(pid_, &how, flags) != pid_) return;
    pid_ = -1;
    read_output();
    say(script_verdict(WIFEXITED(how) ? WEXITSTATUS(how) : -1, output_));
  }
  void timed_out() {
    timer_ = 0;
    read_output();
    say(script_timeout(check_pace(*check_).timeout(), output_));
  }
  void say(verdict v) {
    auto keep = shared_from_this();
    auto done = std::exchange(done_, nullptr);
    abort();
    if (done) done(std::move(v));
  }

  run_context& context_;
  std::shared_ptr<const check_registration> check_;
  done_function done_;
  tail_buffer output_;
  int read_end_ = -1, exit_fd_ = -1;
  pid_t pid_ = -1;
  net::timer_id timer_ = 0, poll_ = 0;
};

} // namespace

std::shared_ptr<check_run> make_script_run(run_context& context, std::shared_ptr<const check_registration> check, check_run::done_function done) {
  return std::make_shared<script_run>(context, std::move(check), std::move(done));
}

} // namespace actord::health
