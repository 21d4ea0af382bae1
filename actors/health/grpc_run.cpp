// gRPC checks: one Health/Check call per run over a fresh connection.
#include "actors/health/core/grpc_health.hpp"
#include "actors/health/stream.hpp"
#include "actors/health/tls_contexts.hpp"
#include <charconv>

namespace actord::health {

namespace {

constexpr size_t unsent_max = 64 << 10; // answers to its frames

class grpc_run final : public check_run {
public:
  grpc_run(run_context& context, std::shared_ptr<const check_registration> check, done_function done)
      : context_(context), check_(std::move(check)), done_(std::move(done)) {}
  ~grpc_run() override { abort(); }

  void start() override {
    const size_t slash = check_->grpc.find('/');
    authority_ = check_->grpc.substr(0, slash);
    if (slash != std::string::npos) service_ = check_->grpc.substr(slash + 1);
    std::string port;
    uint16_t number = 0;
    if (!split_host_port(authority_, host_, port) ||
        std::from_chars(port.data(), port.data() + port.size(), number).ptr != port.data() + port.size())
      return fail("connection error: desc = \"transport: Error while dialing dial tcp: address " + authority_ + ": missing port in address\"");
    timer_ = context_.loop->call_after(check_pace(*check_).timeout(), [this] {
      timer_ = 0;
      say(critical("rpc error: code = DeadlineExceeded desc = context deadline exceeded"));
    });
    dialler_ = std::make_shared<dialler>(context_, [this](result<int> fd) {
      if (!fd) return fail("connection error: desc = \"transport: Error while dialing " + fd.err().text + "\"");
      connected(*fd);
    });
    auto keep = dialler_;
    keep->dial(host_, number);
  }

  void abort() override {
    done_ = nullptr;
    context_.loop->cancel(std::exchange(timer_, 0));
    if (dialler_) dialler_->abort();
    if (!stream_) return;
    stream_->close();
    context_.loop->retire(std::move(stream_));
    stream_.reset();
  }

private:
  void connected(int fd) {
    stream_ = std::make_shared<stream>(*context_.loop, fd,
                                       stream::callbacks{[this](std::string_view bytes) { received(bytes); },
                                                         [this](const std::string& why) { fail(why.empty() ? "connection closed" : why); }});
    if (check_->grpc_use_tls) {
      auto made = context_.tls->get();
      if (!made) return fail(made.err().text);
      tls_ = std::move(*made);
    }
    auto keep = stream_;
    if (auto s = keep->start(tls_.get(), host_, true, !check_->tls_skip_verify); !s) return fail(s.err().text);
    keep->send(grpc_health_request(authority_, service_, check_->grpc_use_tls));
  }
  void received(std::string_view bytes) {
    std::string reply;
    reader_.feed(bytes, reply);
    if (!reply.empty() && stream_) stream_->send(std::move(reply));
    if (!stream_) return; // it ended while that was sent
    if (stream_->unsent() > unsent_max) return fail("the server sends frames and reads no answers");
    if (!reader_.finished() || !done_) return;
    if (!reader_.failure().empty()) say(critical(reader_.failure()));
    else if (reader_.serving()) say({std::string(health_passing), "gRPC check " + check_->grpc + ": success"});
    else say(critical("gRPC application didn't report service healthy"));
  }
  void fail(const std::string& why) { say(critical("rpc error: code = Unavailable desc = " + why)); }
  void say(verdict v) {
    auto keep = shared_from_this();
    auto done = std::exchange(done_, nullptr);
    abort();
    if (done) done(std::move(v));
  }
  run_context& context_;
  std::shared_ptr<const check_registration> check_;
  done_function done_;
  std::string authority_, host_, service_;
  grpc_health_reader reader_;
  std::shared_ptr<dialler> dialler_;
  std::shared_ptr<stream> stream_;
  std::shared_ptr<SSL_CTX> tls_;
  net::timer_id timer_ = 0;
};

} // namespace

std::shared_ptr<check_run> make_grpc_run(run_context& context, std::shared_ptr<const check_registration> check, check_run::done_function done) {
  return std::make_shared<grpc_run>(context, std::move(check), std::move(done));
}

} // namespace actord::health
