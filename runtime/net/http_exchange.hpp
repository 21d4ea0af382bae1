// One HTTP/1.1 exchange seen from the client, without I/O: encode_request() gives the bytes to send, http_exchange
// takes the bytes that come back, in pieces of any size. Memory is bounded by the options; errors are errc::corrupt
// for malformed or truncated answers and errc::bad_request for requests that cannot be written (a line break in a
// header). Protocol: RFC 7230. Not thread-safe; owned by whoever owns the connection.
#pragma once
#include "runtime/base/error.hpp"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace actord::net {

struct http_header {
  std::string name, value;
  bool operator==(const http_header&) const = default;
};
using http_headers = std::vector<http_header>;

// The parts of "https://user:pw@host:8501/path?q=1". The fragment is dropped, the port defaults by scheme.
struct http_url {
  std::string scheme = "http"; // "http" | "https", lower case
  std::string user_info;       // "user:pw" unescaped; "" when absent
  std::string host;            // without the brackets of an IPv6 literal
  uint16_t port = 80;
  std::string target = "/"; // path and query as they are sent

  // For the Host header: the port is left out when it is the scheme's own, and so is a zone (%eth0), which is nobody else's business.
  std::string authority() const;
  std::string place() const; // with the zone, for who connects
};
result<http_url> parse_http_url(std::string_view text);

// Escapes what Go's url.PathEscape (and url.QueryEscape: space becomes '+') escapes.
std::string escape_path_segment(std::string_view text);
std::string escape_query(std::string_view text);

struct http_request {
  std::string method = "GET";
  std::string host;         // the Host header
  std::string target = "/"; // path and query, escaped
  http_headers headers;     // Host, Content-Length and Connection are added when they are not here
  std::string body;
  bool close = false; // ask the server to close afterwards
};
result<std::string> encode_request(const http_request& request);

struct http_exchange_options {
  size_t max_header_bytes = 64 * 1024;    // status line and headers together; more is an error
  size_t max_body_bytes = 64 * 1024 * 1024; // of a collected body; the rest is read and discarded
  bool no_body = false;                   // the request was HEAD: Content-Length announces nothing
  // Takes the decoded body instead of collecting it. False stops the exchange with an error of errc::none.
  std::function<bool(std::string_view)> on_body;
};

class http_exchange {
public:
  explicit http_exchange(http_exchange_options options = {});
  http_exchange(http_exchange&&) noexcept;
  http_exchange& operator=(http_exchange&&) noexcept;
  ~http_exchange();

  // Bytes that arrived. The result says how many of them belong to this answer: fewer than given only when done().
  // After an error the exchange is dead and says the same error again.
  result<size_t> feed(std::string_view bytes);
  // The peer closed its side: ends a body that has no length, is an error while something is missing.
  status finish();

  bool headers_done() const; // of the final answer; interim 1xx answers are skipped
  bool done() const;
  int status_code() const;                             // 0 before headers_done()
  std::string_view reason() const;                     // "OK"
  const http_headers& headers() const;                 // in order of arrival
  std::string_view header(std::string_view name) const; // the first of that name, any case; "" when absent
  bool has_header(std::string_view name) const;
  bool keep_alive() const; // the connection may be used again after done()

  const std::string& body() const;
  std::string take_body();
  bool body_truncated() const;  // the body was longer than max_body_bytes
  uint64_t body_bytes() const;  // its whole length, with what was discarded

private:
  struct parser;
  std::unique_ptr<parser> p_;
};

} // namespace actord::net
