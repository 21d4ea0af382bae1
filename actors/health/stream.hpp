// A connected socket of the check loop, plain or TLS: bytes in, bytes out, without blocking.
#pragma once
#include "actors/health/dial.hpp"
#include <openssl/ssl.h>

namespace actord::health {

class stream : public net::io_handler {
public:
  struct callbacks {
    std::function<void(std::string_view bytes)> received; // never empty
    std::function<void(std::string why)> ended;           // "" when the peer closed in order; else Go's words
  };
  stream(net::io_loop& loop, int fd, callbacks e) : loop_(loop), fd_(fd), events_(std::move(e)) {}
  ~stream() override { close(); }
  // `host` is verified against the certificate unless told otherwise, and sent as SNI when it is a name.
  status start(SSL_CTX* tls, const std::string& host, bool http2 = false, bool verify = true);
  void send(std::string bytes); // queued until the handshake is over
  size_t unsent() const { return out_.size(); }
  void close();
  void on_io(uint32_t bits) override;

private:
  bool handshake();
  void flush();
  void receive();
  void want(uint32_t bits);
  void end(std::string why);
  std::string tls_failure(int code) const;
  net::io_loop& loop_;
  int fd_;
  callbacks events_;
  SSL* ssl_ = nullptr;
  bool established_ = false;
  uint32_t wanted_ = 0;
  std::string out_;
};

} // namespace actord::health
