// A non-blocking TCP connection to the first of a name's addresses that answers. Lives in the loop's thread.
#pragma once
#include "actors/health/run.hpp"
#include "runtime/net/name_resolver.hpp"

namespace actord::health {

class dialler : public net::io_handler, public std::enable_shared_from_this<dialler> {
public:
  // The descriptor is the caller's then. The error is Go's text ("dial tcp 127.0.0.1:1: connect: connection refused").
  using connected = std::function<void(result<int> fd)>;
  dialler(run_context& context, connected done) : context_(context), done_(std::move(done)) {}
  ~dialler() override { close_fd(); }
  void dial(const std::string& host, uint16_t port);
  void abort();
  void on_io(uint32_t events) override;

private:
  void next();
  void fail(std::string_view call, int code);
  void close_fd();
  run_context& context_;
  connected done_;
  std::vector<dial_target> targets_;
  size_t at_ = 0;
  int fd_ = -1;
  std::string last_error_;
};

// What Go prints for an errno: "connection refused".
std::string errno_text(int code);
// Resolves without asking anybody: IP literals and localhost. False when a resolver has to be asked.
bool resolve_literal(const std::string& host, uint16_t port, std::vector<dial_target>& out);
// Asks the resolver of the loop, which outlives whoever asks.
resolve_function resolve_by(net::name_resolver& names);

} // namespace actord::health
