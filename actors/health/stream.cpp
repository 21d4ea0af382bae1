#include "actors/health/stream.hpp"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace actord::health {

status stream::start(SSL_CTX* tls, const std::string& scoped_host, bool http2, bool verify) {
  const auto host = net::without_zone(scoped_host);
  if (tls) {
    ssl_ = SSL_new(tls);
    if (!ssl_ || SSL_set_fd(ssl_, fd_) != 1) return error{errc::internal, "tls: no connection object"};
    SSL_set_verify(ssl_, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    in6_addr ignored{};
    const bool literal = inet_pton(AF_INET, host.c_str(), &ignored) == 1 || inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
    if (literal) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str());
    else {
      SSL_set_tlsext_host_name(ssl_, host.c_str());
      SSL_set1_host(ssl_, host.c_str());
    }
    static constexpr unsigned char h2[] = {2, 'h', '2'};
    if (http2) SSL_set_alpn_protos(ssl_, h2, sizeof h2);
    SSL_set_connect_state(ssl_);
  } else established_ = true;
  wanted_ = EPOLLIN | EPOLLOUT;
  return loop_.watch(fd_, wanted_, this);
}

void stream::want(uint32_t bits) {
  if (fd_ < 0 || bits == wanted_) return;
  wanted_ = bits;
  (void)loop_.rewatch(fd_, bits, this);
}

void stream::send(std::string bytes) {
  out_ += bytes;
  if (established_) flush();
}

void stream::on_io(uint32_t) {
  if (!established_ && !handshake()) return;
  flush();
  if (fd_ >= 0) receive();
}

std::string stream::tls_failure(int code) const {
  const long verify = SSL_get_verify_result(ssl_);
  const unsigned long reason = ERR_peek_error();
  ERR_clear_error();
  if (verify == X509_V_ERR_HOSTNAME_MISMATCH || verify == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return "x509: certificate is not valid for the requested name";
  if (verify == X509_V_ERR_CERT_HAS_EXPIRED) return "x509: certificate has expired or is not yet valid";
  if (verify != X509_V_OK) return "x509: certificate signed by unknown authority";
  if (ERR_GET_REASON(reason) == SSL_R_WRONG_VERSION_NUMBER) return "tls: first record does not look like a TLS handshake";
  if (code == SSL_ERROR_SYSCALL) return "EOF";
  const char* text = ERR_reason_error_string(reason);
  return "tls: " + std::string(text ? text : "handshake failure");
}

bool stream::handshake() {
  ERR_clear_error();
  const int r = SSL_do_handshake(ssl_);
  if (r == 1) return established_ = true;
  const int code = SSL_get_error(ssl_, r);
  if (code == SSL_ERROR_WANT_READ) want(EPOLLIN);
  else if (code == SSL_ERROR_WANT_WRITE) want(EPOLLOUT);
  else end(tls_failure(code));
  return false;
}

void stream::flush() {
  while (fd_ >= 0 && !out_.empty()) {
    ssize_t n = 0;
    if (ssl_) {
      ERR_clear_error();
      n = SSL_write(ssl_, out_.data(), static_cast<int>(std::min<size_t>(out_.size(), 16384)));
      if (n <= 0) {
        const int code = SSL_get_error(ssl_, static_cast<int>(n));
        if (code == SSL_ERROR_WANT_WRITE || code == SSL_ERROR_WANT_READ) return want(EPOLLIN | (code == SSL_ERROR_WANT_WRITE ? EPOLLOUT : 0u));
        return end(tls_failure(code));
      }
    } else {
      n = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) return want(EPOLLIN | EPOLLOUT);
        return end("write: " + errno_text(errno));
      }
    }
    out_.erase(0, static_cast<size_t>(n));
  }
  want(EPOLLIN);
}

void stream::receive() {
  char buffer[16384];
  // Bounded per event; what is left in the socket makes it readable again, what OpenSSL holds is read until empty.
  for (int i = 0; fd_ >= 0 && (i < 4 || (ssl_ && SSL_pending(ssl_) > 0)); ++i) {
    ssize_t n = 0;
    if (ssl_) {
      ERR_clear_error();
      n = SSL_read(ssl_, buffer, sizeof buffer);
      if (n <= 0) {
        const int code = SSL_get_error(ssl_, static_cast<int>(n));
        if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return;
        return end(code == SSL_ERROR_ZERO_RETURN || code == SSL_ERROR_SYSCALL ? "" : tls_failure(code));
      }
    } else {
      n = recv(fd_, buffer, sizeof buffer, 0);
      if (n == 0) return end("");
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        return end("read: " + errno_text(errno));
      }
    }
    events_.received({buffer, static_cast<size_t>(n)});
  }
}

void stream::end(std::string why) {
  auto ended = events_.ended;
  close();
  if (ended) ended(std::move(why));
}

void stream::close() {
  if (fd_ >= 0) {
    loop_.unwatch(fd_, this);
    if (ssl_ && established_) SSL_shutdown(ssl_);
    ::close(std::exchange(fd_, -1));
  }
  if (ssl_) SSL_free(std::exchange(ssl_, nullptr));
  ERR_clear_error();
}

} // namespace actord::health
