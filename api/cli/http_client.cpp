#include "api/cli/http_client.hpp"
#include "api/cli/link.hpp"
#include "runtime/base/json_writer.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>

namespace actord::cli {

struct http_client::state {
  client_settings settings;
  net::http_url url;     // of the agent; target unused
  std::string unix_path; // "" for TCP
  std::string shown;     // scheme and host as errors show them
  std::unique_ptr<tls_client> tls;
  std::unique_ptr<connection> open; // replaced under the lock, used by the one thread that sends
  std::mutex lock;
  bool interrupted = false;

  status replace(std::unique_ptr<connection> by) {
    std::lock_guard hold(lock);
    if (interrupted && by) return error{errc::internal, "context canceled"};
    open = std::move(by);
    return {};
  }
};

http_client::http_client() : s_(std::make_unique<state>()) {}
http_client::~http_client() = default;

namespace {

std::string trimmed(std::string text) {
  auto blank = [](unsigned char c) { return c == ' ' || (c >= 9 && c <= 13); };
  while (!text.empty() && blank(static_cast<unsigned char>(text.back()))) text.pop_back();
  text.erase(0, static_cast<size_t>(std::ranges::find_if_not(text, blank) - text.begin()));
  return text;
}

// Escapes as Go's URL.EscapedPath: the slashes stay.
std::string escape_path(std::string_view path) {
  std::string out;
  for (size_t from = 0; from <= path.size();) {
    auto to = std::min(path.find('/', from), path.size());
    if (from > 0) out += '/';
    out += net::escape_path_segment(path.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

std::string target_of(const api_request& r) {
  auto query = r.query;
  std::ranges::stable_sort(query, {}, &std::pair<std::string, std::string>::first);
  std::string out = escape_path(r.path);
  char separator = '?';
  for (auto& [k, v] : query) {
    out += separator + net::escape_query(k) + "=" + net::escape_query(v);
    separator = '&';
  }
  return out;
}

} // namespace

result<std::unique_ptr<http_client>> http_client::open(client_settings settings) {
  std::unique_ptr<http_client> made(new http_client);
  auto& s = *made->s_;
  std::string scheme = settings.tls ? "https" : "http", address = settings.address;
  bool wants_tls = settings.tls;
  if (auto at = address.find("://"); at != std::string::npos) {
    auto given = address.substr(0, at);
    address.erase(0, at + 3);
    if (given == "https") wants_tls = true;
    else if (given == "unix") s.unix_path = address;
    else if (given != "http") return error{errc::bad_request, "Unknown protocol scheme: " + given};
  }
  if (wants_tls) scheme = "https";
  if (!settings.token_file.empty()) {
    std::ifstream file(settings.token_file);
    if (!file)
      return error{errc::bad_request, "Error loading token file: open " + settings.token_file + ": " + go_errno_text(errno)};
    std::stringstream text;
    text << file.rdbuf();
    if (auto token = trimmed(text.str()); !token.empty()) settings.token = token;
  }
  // Bad certificates are an error even when the address needs none, as with Consul.
  if (wants_tls || !settings.ca_file.empty() || !settings.ca_path.empty() || !settings.client_cert.empty()) {
    auto tls = tls_client::make(settings);
    if (!tls) return tls.err();
    if (wants_tls) s.tls = std::move(*tls);
  }
  if (s.unix_path.empty()) {
    auto url = net::parse_http_url(scheme + "://" + address);
    if (!url) return url.err();
    s.url = std::move(*url);
    s.shown = scheme + "://" + address;
  } else {
    s.url.scheme = scheme;
    s.url.host = "localhost";
    s.shown = scheme + "://" + net::escape_path_segment(s.unix_path);
  }
  s.settings = std::move(settings);
  return made;
}

std::string http_client::url_of(const api_request& r) const { return s_->shown + target_of(r); }

result<api_response> http_client::exchange(const api_request& r, const std::string& bytes, bool& nothing_came) {
  auto& s = *s_;
  if (!s.open) {
    auto opened = s.unix_path.empty() ? connect_tcp(s.url.host, s.url.port, s.settings.patience) : connect_unix(s.unix_path);
    if (!opened) return opened.err();
    if (auto kept = s.replace(std::move(*opened)); !kept) return kept.err();
    if (s.tls)
      if (auto up = s.tls->secure(*s.open, s.url.host); !up) return up.err();
  }
  if (auto sent = s.open->write(bytes); !sent) {
    nothing_came = true;
    return sent.err();
  }
  net::http_exchange_options options;
  std::string collected;
  net::http_exchange* seen = nullptr;
  options.on_body = [&](std::string_view piece) {
    if (r.on_body && seen->status_code() == 200) return r.on_body(piece);
    collected += piece;
    return true;
  };
  net::http_exchange x(std::move(options));
  seen = &x;
  nothing_came = true;
  while (!x.done()) {
    auto piece = s.open->read();
    if (!piece) return piece.err();
    if (piece->empty()) {
      if (auto end = x.finish(); !end) return end.err();
      break;
    }
    nothing_came = false;
    if (auto used = x.feed(*piece); !used) {
      if (used.err().code != errc::none) return used.err();
      (void)s.replace(nullptr); // stopped by on_body: the rest of the answer is not read
      return api_response{x.status_code(), {}, 0, {}};
    }
  }
  if (!x.keep_alive()) (void)s.replace(nullptr);
  api_response out{x.status_code(), std::move(collected), 0, std::string(x.header("X-Consul-ContentHash"))};
  for (char c : x.header("X-Consul-Index")) {
    if (c < '0' || c > '9') break;
    out.index = out.index * 10 + static_cast<uint64_t>(c - '0');
  }
  return out;
}

void http_client::interrupt() {
  std::lock_guard hold(s_->lock);
  s_->interrupted = true;
  if (s_->open) s_->open->shut();
}

result<api_response> http_client::send(const api_request& r) {
  net::http_request wire;
  wire.method = r.method;
  wire.host = s_->url.authority();
  wire.target = r.raw_target.empty() ? target_of(r) : r.raw_target;
  wire.body = r.body;
  wire.headers = r.headers;
  if (!s_->settings.token.empty()) wire.headers.push_back({"X-Consul-Token", s_->settings.token});
  if (!s_->settings.user_password.empty()) {
    std::string encoded;
    append_base64(encoded, s_->settings.user_password);
    wire.headers.push_back({"Authorization", "Basic " + encoded});
  }
  auto failed = [&](const error& e) {
    std::string verb = r.method.substr(0, 1);
    for (char c : r.method.substr(1)) verb += static_cast<char>(c + 32);
    return error{e.code == errc::none ? errc::internal : e.code, verb + " \"" + url_of(r) + "\": " + e.text};
  };
  auto bytes = encode_request(wire);
  if (!bytes) return failed(bytes.err());
  bool reused = s_->open != nullptr, nothing_came = false;
  auto answer = exchange(r, *bytes, nothing_came);
  if (!answer && reused && nothing_came) { // the agent closed an idle connection
    (void)s_->replace(nullptr);
    answer = exchange(r, *bytes, nothing_came);
  }
  if (answer) return answer;
  (void)s_->replace(nullptr);
  return failed(answer.err());
}

result<api_response> http_client::call(const api_request& r) {
  auto answer = send(r);
  if (answer && answer->code != 200)
    return error{errc::internal, "Unexpected response code: " + std::to_string(answer->code) + " (" + answer->body + ")"};
  return answer;
}

} // namespace actord::cli
