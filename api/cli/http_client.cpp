#include "api/cli/http_client.hpp"
#include "api/cli/link.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/net/url.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

namespace actord::cli {

struct http_client::state {
  client_settings settings;
  net::http_url url;     // of the agent; target unused
  std::string unix_path; // "" for TCP
  std::string shown;     // scheme and host as errors show them
  std::unique_ptr<tls_client> tls;
  std::unique_ptr<connection> open; // replaced under the lock, used by the one thread that sends
  std::string open_to;              // "https://host:port" of it
  net::http_url to;                 // whom we ask now: the agent, or where a redirect has led
  std::string location;             // of the last answer
  std::mutex lock;
  bool interrupted = false;

  status replace(std::unique_ptr<connection> by) {
    std::lock_guard hold(lock);
    if (interrupted && by) return error{errc::internal, "context canceled"};
    open = std::move(by);
    return {};
  }

  // A connection to `to`, the open one if it leads there.
  status connect() {
    const auto where = to.scheme + "://" + to.place();
    if (open && open_to == where) return {};
    (void)replace(nullptr);
    // Behind a unix socket there is nobody but the agent, whatever a redirect calls it.
    auto opened = unix_path.empty() ? connect_tcp(to.host, to.port, settings.patience) : connect_unix(unix_path);
    if (!opened) return opened.err();
    if (auto kept = replace(std::move(*opened)); !kept) return kept;
    open_to = where;
    if (to.scheme != "https") return {};
    if (!tls) {
      auto made = tls_client::make(settings);
      if (!made) return made.err();
      tls = std::move(*made);
    }
    return tls->secure(*open, to.host);
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
    auto text = read_whatever(settings.token_file, 1 << 20);
    if (!text || !*text)
      return error{errc::bad_request, "Error loading token file: " + (text ? file_error("open", settings.token_file, ENOENT) : text.err()).text};
    if (auto token = trimmed(**text); !token.empty()) settings.token = token;
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

std::string http_client::url_of(const api_request& r) const { return s_->shown + (r.raw_target.empty() ? target_of(r) : r.raw_target); }

result<api_response> http_client::exchange(const api_request& r, const std::string& bytes, bool& nothing_came) {
  auto& s = *s_;
  if (auto up = s.connect(); !up) return up.err();
  if (auto sent = s.open->write(bytes); !sent) {
    nothing_came = true;
    return sent.err();
  }
  net::http_exchange_options options;
  std::string collected;
  uint64_t all = 0;
  net::http_exchange* seen = nullptr;
  options.on_body = [&](std::string_view piece) {
    if (r.on_body && seen->status_code() == 200) return r.on_body(piece);
    collected += piece.substr(0, r.kept_body - std::min(r.kept_body, collected.size()));
    all += piece.size();
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
  s.location = x.header("Location");
  api_response out{x.status_code(), std::move(collected), 0, std::string(x.header("X-Consul-ContentHash"))};
  out.body_bytes = all;
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

namespace {

net::http_header basic(const std::string& user_password) {
  std::string encoded;
  append_base64(encoded, user_password);
  return {"Authorization", "Basic " + encoded};
}

} // namespace

// Redirects are followed as Go's client follows them, at most ten, but a write that one would turn into a GET is not: the
// redirect is its answer.
result<api_response> http_client::send(const api_request& r) {
  auto ask = [&](const net::http_request& wire) -> result<api_response> {
    auto bytes = encode_request(wire);
    if (!bytes) return bytes.err();
    bool reused = s_->open != nullptr, nothing_came = false;
    auto answer = exchange(r, *bytes, nothing_came);
    if (!answer && reused && nothing_came) { // the agent closed an idle connection
      (void)s_->replace(nullptr);
      answer = exchange(r, *bytes, nothing_came);
    }
    if (!answer) (void)s_->replace(nullptr);
    return answer;
  };
  const bool reads = r.method == "GET" || r.method == "HEAD";
  std::string shown = url_of(r), referer;
  auto failed = [&](const error& e) {
    std::string verb = r.method.substr(0, 1);
    for (char c : r.method.substr(1)) verb += static_cast<char>(c + 32);
    return error{e.code == errc::none ? errc::internal : e.code, verb + " \"" + shown + "\": " + e.text};
  };
  auto why = [&](std::string text) { return failed({errc::internal, std::move(text)}); };
  auto& to = s_->to = s_->url;
  to.target = r.raw_target.empty() ? target_of(r) : r.raw_target;
  std::optional<net::url> page; // of `to`, once a redirect needs it
  for (int redirects = 0;;) {
    net::http_request wire{.method = r.method, .host = to.authority(), .target = to.target, .headers = r.headers, .body = r.body};
    if (!referer.empty()) wire.headers.push_back({"Referer", referer});
    if (!s_->settings.token.empty()) wire.headers.push_back({"X-Consul-Token", s_->settings.token});
    if (redirects > 0 && !to.user_info.empty()) wire.headers.push_back(basic(to.user_info));
    else if (!s_->settings.user_password.empty() && net::keeps_credentials(s_->url, to)) wire.headers.push_back(basic(s_->settings.user_password));
    auto answer = ask(wire);
    if (!answer) return failed(answer.err());
    const auto way = net::redirect_of(answer->code);
    if (way == net::redirect::none || (way == net::redirect::as_get && !reads)) return answer;
    if (s_->location.empty() && way == net::redirect::same_method) return answer;
    if (s_->location.empty()) return why(std::to_string(answer->code) + " response missing Location header");
    if (!page) {
      auto here = net::parse_url(to.scheme + "://" + to.place() + to.target);
      if (!here) return failed(here.err());
      page = std::move(*here);
    }
    auto next = net::resolve_reference(*page, s_->location);
    if (!next) return why("failed to parse Location header " + quote(s_->location) + ": " + next.err().text);
    shown = s_->location;
    if (++redirects >= net::max_redirects) return why("stopped after 10 redirects");
    shown = next->text();
    auto url = net::http_url_of(*next);
    if (!url) return failed(url.err());
    referer = page->scheme == "https" && next->scheme == "http" ? "" : page->referer();
    page = std::move(*next);
    to = std::move(*url);
  }
}

result<api_response> http_client::call(const api_request& r) {
  auto answer = send(r);
  if (answer && answer->code != 200)
    return error{errc::internal, "Unexpected response code: " + std::to_string(answer->code) + " (" + answer->body + ")"};
  return answer;
}

} // namespace actord::cli
