#include "actors/health/dial.hpp"
#include <charconv>
#include <unistd.h>

namespace actord::health {

namespace {

class tcp_run final : public check_run {
public:
  tcp_run(run_context& context, std::shared_ptr<const check_registration> check, done_function done)
      : context_(context), check_(std::move(check)), done_(std::move(done)) {}
  ~tcp_run() override { abort(); }

  void start() override {
    std::string host, port;
    if (!split_host_port(check_->tcp, host, port)) return say(critical("dial tcp: address " + check_->tcp + ": missing port in address"));
    uint16_t number = 0;
    auto [end, bad] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (bad != std::errc() || end != port.data() + port.size()) return say(critical("dial tcp: lookup tcp/" + port + ": unknown port"));
    timer_ = context_.loop->call_after(check_pace(*check_).timeout(), [this] {
      timer_ = 0;
      say(critical("dial tcp " + check_->tcp + ": i/o timeout"));
    });
    dialler_ = std::make_shared<dialler>(context_, [this](result<int> fd) {
      if (!fd) return say(critical(fd.err().text));
      ::close(*fd);
      say(tcp_success(check_->tcp));
    });
    dialler_->dial(host, number);
  }

  void abort() override {
    done_ = nullptr;
    context_.loop->cancel(std::exchange(timer_, 0));
    if (dialler_) dialler_->abort();
  }

private:
  void say(verdict v) {
    auto keep = shared_from_this();
    auto done = std::exchange(done_, nullptr);
    abort();
    if (done) done(std::move(v));
  }
  run_context& context_;
  std::shared_ptr<const check_registration> check_;
  done_function done_;
  std::shared_ptr<dialler> dialler_;
  net::timer_id timer_ = 0;
};

} // namespace

std::shared_ptr<check_run> make_tcp_run(run_context& context, std::shared_ptr<const check_registration> check, check_run::done_function done) {
  return std::make_shared<tcp_run>(context, std::move(check), std::move(done));
}

} // namespace actord::health
