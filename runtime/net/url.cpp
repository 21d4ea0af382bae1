#include "runtime/net/url.hpp"
#include "runtime/base/quote.hpp"
#include <algorithm>
#include <optional>
#include <vector>

namespace actord::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }
bool one_of(char c, std::string_view set) { return set.find(c) != set.npos; }

// What stands unescaped, beside letters and digits (Go's net/url, after RFC 3986).
constexpr std::string_view kept_everywhere = "-_.~";
constexpr std::string_view kept_in_path = "-_.~$&+,/:;=@";
constexpr std::string_view kept_in_segment = "-_.~$&+=:@";
constexpr std::string_view kept_in_user = "-_.~$&+,;=";
constexpr std::string_view kept_in_host = "-_.~!$&'()*+,;=:[]<>\"";
constexpr std::string_view kept_in_fragment = "-_.~$&+,/:;=?@!()*";
constexpr std::string_view taken_in_path = "-_.~$&+,/:;=@!'()*[]"; // may stand there, although escaping would escape it

std::string escape(std::string_view text, std::string_view kept, bool plus_for_space = false) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (is_digit(c) || is_letter(c) || one_of(c, kept)) out += c;
    else if (c == ' ' && plus_for_space) out += '+';
    else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

struct fault {
  std::string text;
};

// False with the fault when a percent sign begins no escape.
bool unescape(std::string_view text, std::string& out, fault& f) {
  const auto digit = [](char c) { return is_digit(c) ? c - '0' : lower(c) - 'a' + 10; };
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) {
      f.text = "invalid URL escape " + quote(text.substr(i, 3));
      return false;
    }
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return true;
}

bool path_may_stand(std::string_view raw) {
  return std::ranges::all_of(raw, [](char c) { return is_digit(c) || is_letter(c) || c == '%' || one_of(c, taken_in_path); });
}

bool set_path(std::string_view raw, url& u, fault& f) {
  if (!unescape(raw, u.path, f)) return false;
  u.raw_path = escape(u.path, kept_in_path) == raw ? "" : std::string(raw);
  return true;
}

bool valid_port(std::string_view colon_port) {
  return colon_port.empty() || (colon_port[0] == ':' && std::ranges::all_of(colon_port.substr(1), is_digit));
}

// Percent signs stand in a host for bytes beyond ASCII, and in a literal's zone.
bool host_text(std::string_view raw, std::string& out, fault& f) {
  const auto zone = raw.starts_with('[') ? raw.find("%25") : raw.npos;
  for (size_t i = 0; i < raw.size() && i < zone; ++i) {
    if (raw[i] == '%') {
      const bool ascii = i + 2 < raw.size() && is_hex(raw[i + 1]) && is_hex(raw[i + 2]) && raw[i + 1] < '8';
      if (ascii || i + 2 >= raw.size() || !is_hex(raw[i + 1]) || !is_hex(raw[i + 2])) {
        f.text = "invalid URL escape " + quote(raw.substr(i, 3));
        return false;
      }
    } else if (static_cast<unsigned char>(raw[i]) < 0x80 && !is_digit(raw[i]) && !is_letter(raw[i]) && !one_of(raw[i], kept_in_host)) {
      f.text = "invalid character " + quote(raw.substr(i, 1)) + " in host name";
      return false;
    }
  }
  return unescape(raw, out, f);
}

bool set_host(std::string_view raw, url& u, fault& f) {
  std::string_view port;
  if (raw.starts_with('[')) {
    const auto close = raw.rfind(']');
    if (close == raw.npos) {
      f.text = "missing ']' in host";
      return false;
    }
    port = raw.substr(close + 1);
  } else if (const auto colon = raw.rfind(':'); colon != raw.npos) {
    port = raw.substr(colon);
  }
  if (!valid_port(port)) {
    f.text = "invalid port " + quote(port) + " after host";
    return false;
  }
  return host_text(raw, u.host, f);
}

bool set_authority(std::string_view raw, url& u, fault& f) {
  const auto at = raw.rfind('@');
  if (!set_host(at == raw.npos ? raw : raw.substr(at + 1), u, f)) return false;
  if (at == raw.npos) return true;
  const auto user = raw.substr(0, at);
  if (!std::ranges::all_of(user, [](char c) { return is_digit(c) || is_letter(c) || one_of(c, "-._:~!$&'()*+,;=%@"); })) {
    f.text = "net/url: invalid userinfo";
    return false;
  }
  const auto colon = user.find(':');
  u.has_user = true;
  u.has_password = colon != user.npos;
  return unescape(user.substr(0, colon), u.user, f) && (!u.has_password || unescape(user.substr(colon + 1), u.password, f));
}

// The scheme's length with its colon, or 0 without one.
size_t scheme_length(std::string_view text, fault& f) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':' && i == 0) f.text = "missing protocol scheme";
    if (c == ':') return i == 0 ? 0 : i + 1;
    if (!is_letter(c) && (i == 0 || !(is_digit(c) || one_of(c, "+-.")))) return 0;
  }
  return 0;
}

bool take_apart(std::string_view rest, url& u, fault& f) {
  if (std::ranges::any_of(rest, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    f.text = "net/url: invalid control character in URL";
    return false;
  }
  std::string_view fragment;
  if (const auto hash = rest.find('#'); hash != rest.npos) {
    fragment = rest.substr(hash + 1);
    rest = rest.substr(0, hash);
  }
  const auto n = scheme_length(rest, f);
  if (!f.text.empty()) return false;
  for (char c : rest.substr(0, n == 0 ? 0 : n - 1)) u.scheme += lower(c);
  rest.remove_prefix(n);
  if (const auto mark = rest.find('?'); mark != rest.npos) {
    u.query = rest.substr(mark + 1);
    u.forces_query = u.query.empty();
    rest = rest.substr(0, mark);
  }
  if (!rest.starts_with('/')) {
    if (!u.scheme.empty()) {
      u.opaque = rest;
      return unescape(fragment, u.fragment, f);
    }
    if (rest.substr(0, rest.find('/')).find(':') != rest.npos) {
      f.text = "first path segment in URL cannot contain colon";
      return false;
    }
  }
  if (rest.starts_with("//") && (!u.scheme.empty() || !rest.starts_with("///"))) {
    rest.remove_prefix(2);
    const auto end = std::min(rest.find('/'), rest.size());
    if (!set_authority(rest.substr(0, end), u, f)) return false;
    rest.remove_prefix(end);
  }
  return set_path(rest, u, f) && unescape(fragment, u.fragment, f);
}

// Without "." and "..".
std::string plain_path(std::string_view base, std::string_view reference) {
  std::string full(reference);
  if (reference.empty()) full = base;
  else if (reference[0] != '/') full = std::string(base.substr(0, base.rfind('/') + 1)) + full;
  if (full.empty()) return full;
  std::vector<std::string_view> kept;
  std::string_view rest = full, last;
  for (bool more = true; more;) {
    const auto slash = rest.find('/');
    last = rest.substr(0, slash);
    more = slash != rest.npos;
    if (more) rest.remove_prefix(slash + 1);
    if (last == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (last != ".") {
      kept.push_back(last);
    }
  }
  if (last == "." || last == "..") kept.emplace_back();
  std::string out;
  for (size_t i = 0; i < kept.size(); ++i) out += (i > 0 ? "/" : "") + std::string(kept[i]);
  return out.starts_with('/') ? out : "/" + out;
}

std::string put_together(const url& u, bool with_user) {
  std::string out = u.scheme.empty() ? "" : u.scheme + ":";
  if (!u.opaque.empty()) {
    out += u.opaque;
  } else {
    const auto path = u.escaped_path();
    const bool user = with_user && u.has_user;
    if ((!u.scheme.empty() || !u.host.empty() || user) && (!u.host.empty() || !path.empty() || user)) out += "//";
    if (user) out += escape(u.user, kept_in_user) + (u.has_password ? ":***@" : "@");
    out += escape(u.host, kept_in_host);
    if (!path.empty() && path[0] != '/' && !u.host.empty()) out += '/';
    out += path;
  }
  if (u.forces_query || !u.query.empty()) out += "?" + u.query;
  if (!u.fragment.empty()) out += "#" + escape(u.fragment, kept_in_fragment);
  return out;
}

} // namespace

std::string url::escaped_path() const {
  if (!raw_path.empty() && path_may_stand(raw_path)) return raw_path;
  return path == "*" ? "*" : escape(path, kept_in_path);
}

std::string url::target() const {
  std::string out = opaque.empty() ? escaped_path() : opaque;
  if (out.empty()) out = "/";
  return forces_query || !query.empty() ? out + "?" + query : out;
}

std::string url::text() const { return put_together(*this, true); }
std::string url::referer() const { return put_together(*this, false); }

result<url> parse_url(std::string_view text) {
  url u;
  fault f;
  if (!take_apart(text, u, f)) return error{errc::bad_request, "parse " + quote(text) + ": " + f.text};
  return u;
}

result<url> resolve_reference(const url& base, std::string_view reference) {
  auto parsed = parse_url(reference);
  if (!parsed) return parsed;
  url& u = *parsed;
  fault f;
  const bool elsewhere = !u.scheme.empty() || !u.host.empty() || u.has_user;
  if (u.scheme.empty()) u.scheme = base.scheme;
  if (!u.opaque.empty()) return parsed;
  const auto own = u.escaped_path();
  if (!elsewhere) {
    if (own.empty() && u.query.empty() && !u.forces_query) {
      u.query = base.query;
      if (u.fragment.empty()) u.fragment = base.fragment;
    }
    u.host = base.host;
    u.user = base.user;
    u.password = base.password;
    u.has_user = base.has_user;
    u.has_password = base.has_password;
  }
  (void)set_path(elsewhere ? plain_path(own, "") : plain_path(base.escaped_path(), own), u, f); // was escaped well before
  return parsed;
}

// ---- what one connects to -----------------------------------------------------------------------------------------

namespace {

std::string host_and_port(const http_url& u, const std::string& zone) {
  const bool literal = u.host.find(':') != std::string::npos;
  const auto address = literal ? "[" + u.host.substr(0, u.host.find('%')) + zone + "]" : u.host;
  return u.port == (u.scheme == "https" ? 443 : 80) ? address : address + ":" + std::to_string(u.port);
}

} // namespace

std::string http_url::authority() const { return host_and_port(*this, {}); }

std::string http_url::place() const {
  const auto zone = host.find(':') == std::string::npos ? std::string::npos : host.find('%');
  return host_and_port(*this, zone == std::string::npos ? std::string() : "%25" + escape(std::string_view(host).substr(zone + 1), kept_in_host));
}

result<http_url> http_url_of(const url& from) {
  const auto refuse = [](std::string text) { return error{errc::bad_request, std::move(text)}; };
  if (from.scheme != "http" && from.scheme != "https") return refuse("unsupported protocol scheme " + quote(from.scheme));
  if (from.host.empty()) return refuse("http: no Host in request URL");
  http_url out;
  out.scheme = from.scheme;
  out.port = from.scheme == "https" ? 443 : 80;
  if (from.has_user) out.user_info = from.user + ":" + from.password;
  out.target = from.target();
  const auto close = from.host.rfind(']'), colon = from.host.rfind(':');
  out.host = from.host.substr(0, colon == std::string::npos || (close != std::string::npos && colon < close) ? from.host.size() : colon);
  const auto port = from.host.substr(std::min(from.host.size(), out.host.size() + 1));
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  else if (out.host.find(':') != std::string::npos) return refuse("dial tcp: lookup " + out.host + ": no such host");
  if (port.empty()) return out;
  uint32_t number = 0;
  for (char c : port) number = std::min<uint32_t>(70000, number * 10 + static_cast<uint32_t>(c - '0'));
  if (number > 65535) return refuse("dial tcp: address " + port + ": invalid port");
  out.port = static_cast<uint16_t>(number);
  return out;
}

result<http_url> parse_http_url(std::string_view text) {
  auto u = parse_url(text);
  if (!u) return u.err();
  return http_url_of(*u);
}

redirect redirect_of(int status) {
  if (status == 301 || status == 302 || status == 303) return redirect::as_get;
  return status == 307 || status == 308 ? redirect::same_method : redirect::none;
}

bool keeps_credentials(const http_url& from, const http_url& to) {
  const auto whole = [](const http_url& u) {
    std::string out;
    for (char c : u.host + ":" + std::to_string(u.port)) out += lower(c);
    return out;
  };
  const auto a = whole(from), b = whole(to);
  return a == b || b.ends_with("." + a);
}

std::string escape_path_segment(std::string_view text) { return escape(text, kept_in_segment); }
std::string escape_query(std::string_view text) { return escape(text, kept_everywhere, true); }

} // namespace actord::net
