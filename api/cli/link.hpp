// One blocking byte stream to an agent, plain or TLS. Errors are worded as Go's net and crypto/tls word them.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/errno_text.hpp"
#include "runtime/base/error.hpp"
#include <memory>
#include <string>
#include <string_view>

// OpenSSL's types, so that includers need not see its headers.
struct ssl_st;
struct ssl_ctx_st;

namespace actord::cli {

struct client_settings;

class connection {
public:
  explicit connection(int fd) : fd_(fd) {}
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();
  status write(std::string_view bytes);
  // What has arrived, at least one byte; "" when the peer has closed.
  result<std::string> read();
  // From any thread: whoever reads or writes is told that the peer has closed.
  void shut();

private:
  friend class tls_client;
  int fd_;
  ssl_st* ssl_ = nullptr;
};

result<std::unique_ptr<connection>> connect_tcp(const std::string& host, uint16_t port, nanos patience = nanos(0));
result<std::unique_ptr<connection>> connect_unix(const std::string& path);

// Certificates and the rules of verification, loaded once.
class tls_client {
public:
  static result<std::unique_ptr<tls_client>> make(const client_settings& settings);
  ~tls_client();
  // The handshake; `host` is verified unless the settings name another server or switch verification off.
  status secure(connection& c, const std::string& host);

private:
  tls_client() = default;
  ssl_ctx_st* context_ = nullptr;
  std::string server_name_;
  bool verify_ = true;
};

} // namespace actord::cli
