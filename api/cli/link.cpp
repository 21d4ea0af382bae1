#include "api/cli/link.hpp"
#include "api/cli/http_client.hpp"
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace actord::cli {

namespace {

error tls_error(std::string_view fallback) {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return {errc::internal, std::string(fallback)};
  int reason = ERR_GET_REASON(code);
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
    return {errc::internal, "http: server gave HTTP response to HTTPS client"};
  const char* text = ERR_reason_error_string(code);
  return {errc::internal, "tls: " + std::string(text ? text : fallback)};
}

std::string join_host_port(const std::string& host, uint16_t port) {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

result<std::unique_ptr<connection>> connect_to(int family, const sockaddr* address, socklen_t length, const std::string& shown, nanos patience = nanos(0)) {
  int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return error{errc::internal, "dial " + shown + ": socket: " + go_errno_text(errno)};
  auto made = std::make_unique<connection>(fd);
  if (patience > nanos(0)) { // of connecting, too
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(patience).count();
    const timeval limit{us / 1000000, us % 1000000};
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  int rc;
  do rc = ::connect(fd, address, length);
  while (rc != 0 && errno == EINTR);
  if (rc != 0) return error{errc::internal, "dial " + shown + ": connect: " + go_errno_text(errno)};
  return made;
}

} // namespace

connection::~connection() {
  if (ssl_) SSL_free(ssl_);
  ::close(fd_);
}

void connection::shut() { ::shutdown(fd_, SHUT_RDWR); }

status connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n;
    if (ssl_) {
      size_t done = 0;
      ERR_clear_error();
      n = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &done) == 1 ? static_cast<ssize_t>(done) : -1;
      if (n < 0) return tls_error("write: broken pipe");
    } else {
      n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return error{errc::internal, "write: " + go_errno_text(errno)};
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

result<std::string> connection::read() {
  std::string out(64 * 1024, '\0');
  for (;;) {
    if (ssl_) {
      size_t n = 0;
      ERR_clear_error();
      if (SSL_read_ex(ssl_, out.data(), out.size(), &n) == 1) return out.resize(n), out;
      int why = SSL_get_error(ssl_, 0);
      if (why == SSL_ERROR_ZERO_RETURN) return std::string();
      if (why == SSL_ERROR_SYSCALL && errno == EINTR) continue;
      return tls_error("read: connection reset by peer");
    }
    ssize_t n = ::recv(fd_, out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return error{errc::internal, "context deadline exceeded"};
    if (n < 0) return error{errc::internal, "read: " + go_errno_text(errno)};
    return out.resize(static_cast<size_t>(n)), out;
  }
}

result<std::unique_ptr<connection>> connect_tcp(const std::string& host, uint16_t port, nanos patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (rc != 0) {
    bool absent = rc == EAI_NONAME;
    return error{errc::internal, "dial tcp: lookup " + host + ": " + (absent ? "no such host" : ::gai_strerror(rc))};
  }
  result<std::unique_ptr<connection>> outcome = error{errc::internal, "dial tcp: lookup " + host + ": no such host"};
  for (auto* a = found; a; a = a->ai_next) {
    char ip[INET6_ADDRSTRLEN + 16] = "";
    ::getnameinfo(a->ai_addr, a->ai_addrlen, ip, sizeof ip, nullptr, 0, NI_NUMERICHOST);
    outcome = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen, "tcp " + join_host_port(ip, port), patience);
    if (outcome) break;
  }
  ::freeaddrinfo(found);
  return outcome;
}

result<std::unique_ptr<connection>> connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return error{errc::internal, "dial unix " + path + ": connect: invalid argument"};
  std::memcpy(address.sun_path, path.data(), path.size());
  return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, "unix " + path);
}

tls_client::~tls_client() {
  if (context_) SSL_CTX_free(context_);
}

result<std::unique_ptr<tls_client>> tls_client::make(const client_settings& s) {
  std::unique_ptr<tls_client> made(new tls_client);
  made->context_ = SSL_CTX_new(TLS_client_method());
  if (!made->context_) return tls_error("no context");
  auto* context = made->context_;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A peer that just closes is seen as the end of the body; the exchange knows whether that was too early.
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  // OpenSSL writes with write(2): a closed peer must be an error, not a signal.
  ::signal(SIGPIPE, SIG_IGN);
  made->server_name_ = s.tls_server_name;
  made->verify_ = s.verify;
  auto load = [&](const std::string& file) { return SSL_CTX_load_verify_file(context, file.c_str()) == 1; };
  std::error_code ec;
  if (!s.ca_file.empty()) {
    if (::access(s.ca_file.c_str(), R_OK) != 0)
      return error{errc::bad_request, "Error loading CA File: open " + s.ca_file + ": " + go_errno_text(errno)};
    if (!load(s.ca_file))
      return error{errc::bad_request, "Error loading CA File: Couldn't parse PEM in: " + s.ca_file};
  } else if (!s.ca_path.empty()) {
    for (std::filesystem::directory_iterator at(s.ca_path, ec), end; !ec && at != end; at.increment(ec))
      if (at->is_regular_file(ec) && !load(at->path().string()))
        return error{errc::bad_request, "Error loading CA File: Couldn't parse PEM in: " + at->path().string()};
    if (ec) return error{errc::bad_request, "lstat " + s.ca_path + ": " + go_errno_text(ec.value())};
  } else SSL_CTX_set_default_verify_paths(context);
  if (!s.client_cert.empty() || !s.client_key.empty()) {
    for (auto& file : {s.client_cert, s.client_key})
      if (::access(file.c_str(), R_OK) != 0) return error{errc::bad_request, "open " + file + ": " + go_errno_text(errno)};
    if (SSL_CTX_use_certificate_chain_file(context, s.client_cert.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, s.client_key.c_str(), SSL_FILETYPE_PEM) != 1)
      return tls_error("cannot use the client certificate " + s.client_cert);
  }
  ERR_clear_error();
  return made;
}

status tls_client::secure(connection& c, const std::string& host) {
  c.ssl_ = SSL_new(context_);
  if (!c.ssl_ || SSL_set_fd(c.ssl_, c.fd_) != 1) return tls_error("no session");
  const std::string& name = server_name_.empty() ? host : server_name_;
  unsigned char ip[16];
  bool literal = inet_pton(AF_INET, name.c_str(), ip) == 1 || inet_pton(AF_INET6, name.c_str(), ip) == 1;
  if (!literal) SSL_set_tlsext_host_name(c.ssl_, name.c_str());
  if (verify_) {
    SSL_set_verify(c.ssl_, SSL_VERIFY_PEER, nullptr);
    auto* rules = SSL_get0_param(c.ssl_);
    if (literal) X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str());
    else X509_VERIFY_PARAM_set1_host(rules, name.c_str(), name.size());
  }
  ERR_clear_error();
  if (SSL_connect(c.ssl_) == 1) return {};
  if (long why = SSL_get_verify_result(c.ssl_); verify_ && why != X509_V_OK) {
    ERR_clear_error();
    bool unknown = why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || why == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                   why == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || why == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
    return error{errc::internal, unknown ? "x509: certificate signed by unknown authority"
                                         : "x509: " + std::string(X509_verify_cert_error_string(why))};
  }
  return tls_error("EOF");
}

} // namespace actord::cli
