// Scripts: a process group of its own, its output's end kept, the whole group killed when the time is over.
#include "actors/health/dial.hpp"
#include "actors/health/script_start.hpp"
#include <csignal>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace actord::health {

namespace {

class script_run final : public check_run, public net::io_handler {
public:
  script_run(run_context& context, std::shared_ptr<const check_registration> check, done_function done)
      : context_(context), check_(std::move(check)), done_(std::move(done)), output_(output_cap(*check_, context.output_cap)) {}
  ~script_run() override { abort(); }

  void start() override {
    if (context_.killed && context_.killed->is_full())
      return say(critical("Scripts that were killed have not ended: " + std::to_string(context_.killed->size()) + ", so no other is started"));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return say(critical("pipe: " + errno_text(errno)));
    read_end_ = ends[0];
    fcntl(ends[1], F_SETFL, 0); // the script's side blocks as any pipe does
    timer_ = context_.loop->call_after(check_pace(*check_).timeout(), [this] { timed_out(); });
    auto asked = context_.scripts->start(check_->script_args, ends[1], [weak = weak_from_this()](int code, pid_t pid) {
      const auto run = std::static_pointer_cast<script_run>(weak.lock());
      return run && run->done_ && run->started(code, pid);
    });
    if (!asked) say(critical(asked.err().text));
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
      if (waitpid(pid_, nullptr, WNOHANG) != pid_ && context_.killed) context_.killed->take(pid_);
      pid_ = -1;
    }
  }

private:
  bool started(int code, pid_t pid) {
    if (code != 0) {
      const std::string& program = check_->script_args.front();
      const bool in_path = code == ENOENT && program.find('/') == std::string::npos;
      say(critical(in_path ? "exec: \"" + program + "\": executable file not found in $PATH" : "fork/exec " + program + ": " + errno_text(code)));
      return false;
    }
    pid_ = pid;
    (void)context_.loop->watch(read_end_, EPOLLIN, this);
    exit_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    if (exit_fd_ < 0 || !context_.loop->watch(exit_fd_, EPOLLIN, this)) look_again(); // kernels before 5.3
    return true;
  }
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

void killed_processes::take(pid_t p) {
  all_.push_back(p);
  if (timer_ == 0) look();
}

void killed_processes::look() {
  std::erase_if(all_, [](pid_t p) { return waitpid(p, nullptr, WNOHANG) != 0; });
  timer_ = all_.empty() ? 0 : loop_.call_after(std::chrono::milliseconds(50), [this] { look(); });
}

std::shared_ptr<check_run> make_script_run(run_context& context, std::shared_ptr<const check_registration> check, check_run::done_function done) {
  return std::make_shared<script_run>(context, std::move(check), std::move(done));
}

} // namespace actord::health
