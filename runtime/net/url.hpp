// URLs as Go's net/url takes them apart, puts them together and follows references, with its error texts: what a check, a
// watch or the command line is told to ask, byte for byte on the wire as Consul would send it. Values; linear.
#pragma once
#include "runtime/net/http_exchange.hpp"
#include <cstdint>
#include <string>
#include <string_view>

namespace actord::net {

struct url {
  std::string scheme; // lower case; "" for a reference
  std::string opaque; // what follows the scheme when that is no path
  std::string user, password;
  std::string host; // with the port, as written
  std::string path; // unescaped
  std::string raw_path; // as written, where that is more than escaping `path` gives
  std::string query, fragment;
  bool has_user = false, has_password = false, forces_query = false;

  std::string escaped_path() const;
  std::string target() const; // of a request: path and query. Queries go out as they are, as with Go
  std::string text() const;   // the password as ***, as Go's errors show it
  std::string referer() const; // text without user and password
};
// Errors: `parse "http://x/%zz": invalid URL escape "%zz"`.
result<url> parse_url(std::string_view text);
// What the reference means on a page of that URL (RFC 3986, section 5.2).
result<url> resolve_reference(const url& base, std::string_view reference);

// The parts that one connects to (http_exchange.hpp; its parse_http_url is parse_url and this in one).
// Errors: `unsupported protocol scheme "ftp"`, `http: no Host in request URL`, `dial tcp: address 99999: invalid port`.
result<http_url> http_url_of(const url& from);

// A redirect as Go's client takes it.
inline constexpr int max_redirects = 10;
enum class redirect : uint8_t { none, as_get, same_method }; // what a status with a Location asks for
redirect redirect_of(int status);
// Go sends Authorization and cookies on to the same host and its subdomains only.
bool keeps_credentials(const http_url& from, const http_url& to);

} // namespace actord::net
