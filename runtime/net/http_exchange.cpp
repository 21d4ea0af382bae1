#include "runtime/net/http_exchange.hpp"
#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>

namespace actord::net {
namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

namespace {

std::string_view as_std(string_view s) { return {s.data(), s.size()}; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// What the wire parser reports, kept apart from it so that an interim answer can be thrown away.
struct answer {
  int code = 0;
  std::string reason;
  http_headers headers;
  std::string body;
  uint64_t body_bytes = 0;
  bool headers_done = false;
  bool truncated = false;
};

class wire_parser final : public http::basic_parser<false> {
public:
  wire_parser(answer& out, const http_exchange_options& options) : out_(out), options_(options) {
    eager(true);
    if (options.no_body) skip(true);
    body_limit(UINT64_MAX); // the cap discards, it does not fail; boost::none refuses every length in Boost 1.74
    header_limit(static_cast<uint32_t>(std::min<size_t>(options.max_header_bytes, UINT32_MAX)));
  }
  bool stopped() const { return stopped_; }

private:
  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view reason, int, error_code&) override {
    out_.code = code;
    out_.reason = as_std(reason);
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    out_.headers.push_back({std::string(as_std(name)), std::string(as_std(value))});
  }
  void on_header_impl(error_code&) override { out_.headers_done = true; }
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view piece, error_code& ec) override { return take(as_std(piece), ec); }
  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(uint64_t, string_view piece, error_code& ec) override {
    return take(as_std(piece), ec);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t take(std::string_view piece, error_code& ec) {
    out_.body_bytes += piece.size();
    if (options_.on_body) {
      if (!piece.empty() && !options_.on_body(piece)) {
        stopped_ = true;
        ec = http::error::end_of_stream;
      }
      return piece.size();
    }
    size_t room = options_.max_body_bytes - std::min(options_.max_body_bytes, out_.body.size());
    if (piece.size() > room) out_.truncated = true;
    out_.body.append(piece.substr(0, room));
    return piece.size();
  }

  answer& out_;
  const http_exchange_options& options_;
  bool stopped_ = false;
};

// Servers may send any number of interim answers; a peer that sends only those must not hold us for ever.
constexpr int max_interim_answers = 16;

bool is_token(std::string_view s) {
  return !s.empty() && std::ranges::all_of(s, [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view s) {
  return std::ranges::any_of(s, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

} // namespace

// ---- the request ----------------------------------------------------------------------------------------------

result<std::string> encode_request(const http_request& r) {
  if (!is_token(r.method)) return error{errc::bad_request, "net/http: invalid method \"" + r.method + "\""};
  // A space in a query goes out as it is, as Go sends it; one before would be another's word.
  if (r.target.empty() || has_control(r.target) || r.target.substr(0, r.target.find('?')).find(' ') != std::string::npos)
    return error{errc::bad_request, "invalid request target"};
  if (has_control(r.host)) return error{errc::bad_request, "invalid Host header"};
  bool host = false, length = false, connection = false, chunked = false;
  std::string fields;
  for (auto& h : r.headers) {
    if (!is_token(h.name)) return error{errc::bad_request, "net/http: invalid header field name \"" + h.name + "\""};
    if (has_control(h.value))
      return error{errc::bad_request, "net/http: invalid header field value for key \"" + h.name + "\""};
    host |= same_name(h.name, "Host");
    length |= same_name(h.name, "Content-Length");
    connection |= same_name(h.name, "Connection");
    chunked |= same_name(h.name, "Transfer-Encoding");
    fields += h.name + ": " + h.value + "\r\n";
  }
  std::string out = r.method + " " + r.target + " HTTP/1.1\r\n";
  if (!host) out += "Host: " + r.host + "\r\n";
  out += fields;
  bool announces = !r.body.empty() || r.method == "PUT" || r.method == "POST" || r.method == "PATCH";
  if (!length && !chunked && announces) out += "Content-Length: " + std::to_string(r.body.size()) + "\r\n";
  if (!connection && r.close) out += "Connection: close\r\n";
  out += "\r\n";
  out += r.body;
  return out;
}

// ---- the answer -----------------------------------------------------------------------------------------------

struct http_exchange::parser {
  explicit parser(http_exchange_options o) : options(std::move(o)) { wire.emplace(got, options); }

  http_exchange_options options;
  answer got;
  std::optional<wire_parser> wire;
  std::string pending; // the beginning of a line that is not complete yet
  std::optional<error> failed;
  int interim = 0;
  bool complete = false;
  bool reusable = false;

  error fail(error e) {
    failed = e;
    return e;
  }
  error fail_with(const error_code& ec) {
    if (wire->stopped()) return fail({errc::none, "stopped by the receiver"});
    return fail({errc::corrupt, "malformed HTTP response: " + ec.message()});
  }
  bool is_interim() const { return got.code >= 100 && got.code < 200 && got.code != 101; }
  // Lines that never end are cut here; Beast bounds the header itself but not a chunk's extension.
  size_t max_pending() const { return options.max_header_bytes + 1024; }

  // Consumes from `bytes` what the parser can use now; the rest waits for more.
  result<size_t> parse(std::string_view bytes) {
    size_t used = 0;
    while (!complete) {
      error_code ec;
      auto piece = bytes.substr(used);
      auto n = wire->put(boost::asio::const_buffer(piece.data(), piece.size()), ec);
      used += n;
      if (ec && ec != http::error::need_more) return fail_with(ec);
      if (wire->is_done()) {
        if (auto s = end_of_answer(); !s) return s.err();
        continue;
      }
      if (ec || n == 0 || used == bytes.size()) break;
    }
    return used;
  }

  status end_of_answer() {
    if (!is_interim()) {
      complete = true;
      reusable = wire->keep_alive() && got.code != 101;
      return {};
    }
    if (++interim > max_interim_answers) return fail({errc::corrupt, "malformed HTTP response: too many 1xx answers"});
    got = answer{};
    wire.emplace(got, options);
    return {};
  }
};

http_exchange::http_exchange(http_exchange_options options) : p_(std::make_unique<parser>(std::move(options))) {}
http_exchange::http_exchange(http_exchange&&) noexcept = default;
http_exchange& http_exchange::operator=(http_exchange&&) noexcept = default;
http_exchange::~http_exchange() = default;

result<size_t> http_exchange::feed(std::string_view bytes) {
  if (p_->failed) return *p_->failed;
  if (p_->complete || bytes.empty()) return size_t{0};
  if (p_->pending.empty()) {
    auto used = p_->parse(bytes);
    if (!used) return used;
    if (!p_->complete) p_->pending = bytes.substr(*used);
    else return used;
  } else {
    size_t before = p_->pending.size();
    p_->pending += bytes;
    auto used = p_->parse(p_->pending);
    if (!used) return used;
    if (p_->complete) {
      p_->pending.clear();
      return *used - std::min(before, *used);
    }
    p_->pending.erase(0, *used);
  }
  if (p_->pending.size() > p_->max_pending()) return p_->fail({errc::corrupt, "malformed HTTP response: line too long"});
  return bytes.size();
}

status http_exchange::finish() {
  if (p_->failed) return *p_->failed;
  if (p_->complete) return {};
  if (!p_->wire->is_header_done() || !p_->pending.empty())
    return p_->fail({errc::corrupt, p_->got.code == 0 && p_->pending.empty() ? "EOF" : "unexpected EOF"});
  error_code ec;
  p_->wire->put_eof(ec);
  if (ec) return p_->fail({errc::corrupt, "unexpected EOF"});
  p_->complete = true;
  p_->reusable = false;
  return {};
}

bool http_exchange::headers_done() const { return p_->got.headers_done && !p_->is_interim(); }
bool http_exchange::done() const { return p_->complete; }
int http_exchange::status_code() const { return headers_done() ? p_->got.code : 0; }
std::string_view http_exchange::reason() const { return p_->got.reason; }
const http_headers& http_exchange::headers() const { return p_->got.headers; }
bool http_exchange::keep_alive() const { return p_->reusable; }
const std::string& http_exchange::body() const { return p_->got.body; }
std::string http_exchange::take_body() { return std::exchange(p_->got.body, {}); }
bool http_exchange::body_truncated() const { return p_->got.truncated; }
uint64_t http_exchange::body_bytes() const { return p_->got.body_bytes; }

std::string_view http_exchange::header(std::string_view name) const {
  for (auto& h : p_->got.headers)
    if (same_name(h.name, name)) return h.value;
  return {};
}
bool http_exchange::has_header(std::string_view name) const {
  return std::ranges::any_of(p_->got.headers, [&](auto& h) { return same_name(h.name, name); });
}

} // namespace actord::net
