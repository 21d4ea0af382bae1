#include "api/http/connection.hpp"
#include "api/http/front.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/net/household.hpp"
#include "runtime/net/stream_socket.hpp"
#include <cerrno>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace actord::http {
namespace {

using namespace std::chrono_literals;
constexpr nanos head_limit = 10s;   // from a request's first byte to the end of its head
constexpr nanos body_limit = 60s;   // from then to the end of its body
constexpr nanos write_limit = 30s;  // for a client to take anything at all
constexpr nanos linger_limit = 500ms;
constexpr uint64_t read_though_refused = 256 * 1024 - 1;
constexpr size_t copy_below = 16384;          // smaller bodies are copied behind their head
constexpr size_t gather_at_most = 256 * 1024; // answers of pipelined requests in one write
constexpr size_t stream_backlog = 4 << 20;
// What a connection gets of a turn of its loop: requests, reads, bytes out; the rest waits for its next one.
constexpr uint16_t requests_in_turn = 8, reads_in_turn = 4;
constexpr size_t write_at_once = 256 * 1024, written_in_turn = 2 * write_at_once;
constexpr int drains_in_turn = 4;
constexpr auto light_request = 500us; // whose last request took longer is served behind those who have an event
constexpr size_t light_head = 16384;  // bytes; parsing what is longer counts as such a request

} // namespace

// Households take turns.
connection::connection(front& f, int fd, std::string peer) : turn_taker(text_hash{}(net::household_of(peer))), front_(f), fd_(fd), peer_(std::move(peer)) {}

connection::~connection() {
  if (fd_ >= 0) ::close(fd_);
}

bool connection::open() {
  // Edge-triggered, all directions, once: no epoll_ctl per request.
  return front_.loop().watch(fd_, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this).ok();
}

void connection::close() {
  if (fd_ < 0) return;
  disarm();
  if (busy_) log_finished(); // as far as it will be
  if (group) front_.groups().leave(*this);
  front_.loop().unwatch(fd_, this);
  front_.turns().withdraw(this);
  ::close(fd_);
  fd_ = -1;
  busy_ = false;
  ++serial_;
  recount();
  front_.closed(*this);
}

void connection::on_io(uint32_t events) {
  auto alive = shared_from_this();
  if (events & (EPOLLERR | EPOLLHUP)) return close();
  if (events & EPOLLRDHUP) peer_eof_ = readable_ = true;
  if (events & EPOLLIN) readable_ = true;
  if (is_left()) return close();
  // Whoever used up its turn, or made it long, is not served sooner because more has come.
  if (waits_for_turn() || heavy_) return front_.turns().again(this);
  on_turn();
}

void connection::close_if_left() {
  if (fd_ >= 0 && is_left()) close();
}

void connection::on_turn() {
  auto alive = shared_from_this();
  heavy_ = false;
  if (lingering_) return drain();
  if (out_) flush_outbox();
  if (fd_ >= 0) pump();
}

bool connection::turn_is_over() const { return served_ >= requests_in_turn || reads_ >= reads_in_turn; }

// Works on what is there until a request waits, the socket is empty, the client does not take answers, or its turn is over.
void connection::pump() {
  if (pumping_) return;
  pumping_ = true;
  auto alive = shared_from_this();
  served_ = reads_ = 0;
  while (fd_ >= 0 && !busy_ && !out_ && !lingering_ && !turn_is_over()) {
    if (!in_.empty() && !starved_) {
      in_at_ += consume(std::string_view(in_).substr(in_at_));
      if (in_at_ == in_.size()) in_ = std::string(), in_at_ = 0;
    } else if (!readable_ || !receive()) {
      break;
    }
  }
  if (fd_ >= 0) flush_gathered();
  pumping_ = false;
  if (fd_ >= 0 && is_left()) return close(); // it left before it began to wait: no further event tells of it
  recount();
  if (fd_ < 0 || busy_ || out_ || lingering_) return;
  if (readable_ || (!in_.empty() && !starved_)) front_.turns().again(this);
  else if (peer_eof_) close();
}

// Reads once and works on it. False when there was nothing.
bool connection::receive() {
  std::string& buffer = front_.read_buffer();
  ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  ++reads_;
  if (n <= 0) {
    readable_ = false;
    if (n < 0 && errno == EINTR) return readable_ = true;
    if (n == 0) peer_eof_ = true;
    else if (errno != EAGAIN && errno != EWOULDBLOCK) close();
    return false;
  }
  if (static_cast<size_t>(n) < buffer.size() && !peer_eof_) readable_ = false; // edge-triggered: a short read emptied it
  std::string_view bytes(buffer.data(), static_cast<size_t>(n));
  if (!in_.empty()) {
    if (in_at_ > 0) in_.erase(0, std::exchange(in_at_, 0));
    in_ += bytes;
    starved_ = false;
    return true;
  }
  size_t used = consume(bytes);
  if (fd_ >= 0 && used < bytes.size()) in_ = bytes.substr(used);
  return fd_ >= 0;
}

// Serves the requests at the front of `bytes`; returns how many bytes they had.
size_t connection::consume(std::string_view bytes) {
  size_t done = 0;
  starved_ = false;
  while (done < bytes.size() && fd_ >= 0 && !busy_ && !out_ && !lingering_ && served_ < requests_in_turn) {
    size_t used = 0;
    auto outcome = next_request(bytes.substr(done), used);
    if (outcome == parse_outcome::incomplete) {
      starved_ = true;
      if (!progress_) progress_ = std::make_unique<parse_progress>(front_.progress_object());
      break;
    }
    if (outcome != parse_outcome::complete) return bytes.size();
    done += used;
    progress_.reset();
    continued_ = false;
    if (deadline_) disarm();
  }
  return done;
}

parse_outcome connection::next_request(std::string_view bytes, size_t& used) {
  if (progress_ && awaits_body(bytes, *progress_)) return parse_outcome::incomplete;
  parse_progress& p = progress_ ? *progress_ : front_.progress_object();
  if (!progress_) p = {};
  request& r = front_.request_object();
  refusal why;
  size_t head = 0, body = 0;
  auto outcome = parse_head(bytes, p, r, head, why);
  if (outcome == parse_outcome::incomplete && !deadline_) arm(head_limit);
  if (outcome == parse_outcome::failed) refuse(why);
  if (outcome != parse_outcome::complete) return outcome;
  bool named = false;
  uint64_t limit = front_.body_limit(r, named);
  outcome = parse_body(bytes.substr(head), p, r, limit, body);
  // A body of moderate size is read before it is refused, so that the connection can go on, as Go's server does.
  const bool refused = outcome == parse_outcome::too_large && !r.chunked && !r.expect_continue && r.content_length <= read_though_refused;
  if (refused) outcome = parse_body(bytes.substr(head), p, r, r.content_length, body);
  if (outcome == parse_outcome::failed) return refuse_body(r, p.why), outcome;
  if (outcome == parse_outcome::too_large) {
    facts_ = {};
    facts_.http10 = r.minor_version == 0;
    return refuse_size(r.content_length, limit, named, true), outcome;
  }
  if (r.expect_continue && !continued_ && (r.chunked || r.content_length > 0)) {
    continued_ = true;
    gathered_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  if (outcome == parse_outcome::incomplete) {
    if (!body_armed_) {
      body_armed_ = true;
      disarm();
      arm(body_limit);
    }
    return outcome;
  }
  body_armed_ = false;
  used = head + body;
  if (head > light_head) heavy_ = true;
  ++served_;
  ++serial_;
  r.peer = peer_;
  facts_ = {};
  facts_.http10 = r.minor_version == 0;
  facts_.keep_alive = r.keep_alive;
  facts_.no_body = r.method_verb == verb::head;
  if (refused) return refuse_size(r.content_length, limit, named, false), outcome;
  front_.serve(*this, r);
  return parse_outcome::complete;
}

// Go's answer to what is no request: no Date, no length, and the connection ends. What was one, but expects too much, has both.
void connection::refuse(const refusal& why) {
  std::string text = std::to_string(why.status) + " " + std::string(reason_phrase(why.status));
  std::string out = "HTTP/1.1 " + text + (why.status == 400 ? std::string(why.text) : "");
  if (why.status == 417) {
    out += fmt::format("\r\nConnection: close\r\nDate: {}\r\nContent-Length: 0\r\n\r\n", front_.date());
  } else {
    out += "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n";
    out += why.status == 501 ? std::string(why.text) : text + std::string(why.text);
  }
  close_after_ = true;
  gathered_ += out;
  flush_gathered();
}

// A body is read by the handler in Consul, so how a broken one is told is the route's: that of a key's write is 500.
void connection::refuse_body(const request& r, std::string_view why) {
  if (r.method_verb != verb::put || !r.path.starts_with("/v1/kv/")) return refuse({});
  facts_ = {};
  facts_.http10 = r.minor_version == 0;
  response answer;
  answer.text(500, why);
  answer.close = true;
  send(answer);
}

void connection::refuse_size(uint64_t length, uint64_t limit, bool named, bool close) {
  // A chunked body's length is not known; what it exceeded is.
  std::string text = "Request body(" + std::to_string(length == 0 ? limit + 1 : length) +
                     " bytes) too large, max size: " + std::to_string(limit) + " bytes.";
  if (named) text += front_.limit_advice();
  response r;
  r.text(413, text);
  r.close = close;
  send(r);
}

void connection::head_of(const response& r, uint64_t length, bool zipped, bool chunked, std::string& out) {
  head_options o;
  o.minor_version = facts_.http10 ? 0 : 1;
  o.keep_alive = facts_.keep_alive && !r.close;
  o.gzip = zipped;
  o.chunked = chunked;
  o.length = length;
  o.date = front_.date();
  if (!r.plain) o.extra = front_.extra_headers();
  if (!o.keep_alive) close_after_ = true;
  append_head(out, r, o);
}

void connection::send(response& r) {
  if (r.status >= 500 || r.status == 405) front_.log_failure(*this, r);
  bool zipped = facts_.gzip && !r.plain && !r.body.empty();
  if (encoded_answer::is_costly(r.body.size(), r.kind == body_kind::json && facts_.pretty, zipped) && !r.close && !r.plain) {
    auto shared = std::make_shared<encoded_answer>(std::move(r));
    return send_shared(*shared, shared->answer().meta);
  }
  if (r.kind == body_kind::json && facts_.pretty) r.body = json_pretty(r.body);
  if (zipped) r.body = gzip(r.body);
  if (r.status == 200) r.cache = facts_.cache;
  if (r.body.size() < copy_below) {
    // Gathered with the other answers of this turn; outside of one, written at once.
    head_of(r, r.body.size(), zipped, false, gathered_);
    if (!facts_.no_body) gathered_ += r.body;
    if (gathered_.size() > gather_at_most || !pumping_ || close_after_) flush_gathered();
  } else {
    std::string head;
    head_of(r, r.body.size(), zipped, false, head);
    flush_gathered();
    transmit(std::move(head), std::make_shared<const std::string>(std::move(r.body)));
  }
  finished();
}

void connection::send_shared(encoded_answer& a, const meta_headers& meta) {
  const bool zipped = facts_.gzip && !a.body(false, false)->empty();
  if (a.is_costly(facts_.pretty, zipped) && front_.form_elsewhere(*this, a, meta, zipped)) return;
  const auto body = a.body(facts_.pretty, zipped);
  response head_only; // the shared one's headers are rare; copying them is fine
  const response& from = a.answer();
  head_only.status = from.status;
  head_only.kind = from.kind;
  head_only.content_type = from.content_type;
  head_only.headers = from.headers;
  head_only.meta = meta;
  head_only.cache = facts_.cache;
  std::string head;
  head_of(head_only, body->size(), zipped, false, head);
  flush_gathered();
  transmit(std::move(head), std::move(body));
  finished();
}

void connection::begin_stream(response& r) {
  streaming_ = true;
  facts_.keep_alive = facts_.keep_alive && !facts_.http10; // the client is not told, but it ends with the connection
  std::string head;
  head_of(r, 0, false, !facts_.http10, head);
  facts_.keep_alive = close_after_ = false;
  flush_gathered();
  transmit(std::move(head), nullptr);
  if (peer_eof_) close(); // no further event tells that nobody listens
}

bool connection::stream_piece(std::string_view piece) {
  if (fd_ < 0 || !streaming_) return false;
  if (piece.empty()) return true;
  std::string bytes;
  if (facts_.http10) bytes = piece;
  else bytes = fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  if (!out_) {
    transmit(std::move(bytes), nullptr);
  } else if (out_->body || out_->size() - out_->sent + bytes.size() > stream_backlog) {
    close();
  } else {
    out_->bytes.erase(0, std::exchange(out_->sent, 0)); // else one that never takes all would grow for ever
    out_->bytes += bytes;
    recount();
  }
  return fd_ >= 0;
}

void connection::end_stream() {
  if (fd_ < 0 || !streaming_) return;
  close_after_ = true;
  std::string last = facts_.http10 ? "" : "0\r\n\r\n";
  if (out_) out_->bytes += last;
  else transmit(std::move(last), nullptr);
  finished();
}

// ---- bytes out ------------------------------------------------------------------------------------------------

void connection::flush_gathered() {
  if (gathered_.empty() || fd_ < 0) return;
  transmit(std::move(gathered_), nullptr);
  gathered_ = std::string();
}

void connection::transmit(std::string head, std::shared_ptr<const std::string> body) {
  if (fd_ < 0) return;
  if (out_) return keep_unsent(std::move(head), std::move(body), 0);
  iovec parts[2] = {{head.data(), head.size()}, {nullptr, 0}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 1;
  if (body && !body->empty()) {
    parts[1] = {const_cast<char*>(body->data()), body->size()};
    message.msg_iovlen = 2;
  }
  size_t total = head.size() + (body ? body->size() : 0);
  const size_t at_once = std::min(total, write_at_once);
  if (at_once < total) {
    parts[0].iov_len = std::min(parts[0].iov_len, at_once);
    parts[1].iov_len = std::min(parts[1].iov_len, at_once - parts[0].iov_len);
  }
  ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return close();
  size_t sent = n < 0 ? 0 : static_cast<size_t>(n);
  if (sent == at_once && sent < total) front_.turns().again(this); // no event will tell that there is room
  if (sent < total) return keep_unsent(std::move(head), std::move(body), sent);
  if (close_after_ && !busy_) linger();
}

void connection::keep_unsent(std::string head, std::shared_ptr<const std::string> body, size_t sent) {
  if (!out_) {
    out_ = std::make_unique<outbox>();
    out_->bytes = std::move(head);
    out_->body = std::move(body);
    out_->sent = sent;
    disarm();
    arm(write_limit);
    return recount();
  }
  // Something was left already: all goes into one buffer behind it.
  if (out_->body) {
    out_->bytes += *out_->body;
    out_->body = nullptr;
  }
  out_->bytes += head;
  out_->body = std::move(body);
  recount();
}

size_t connection::held() const {
  if (fd_ < 0) return 0;
  size_t n = in_.size() - in_at_ + elsewhere_;
  if (!out_) return n;
  n += out_->bytes.size() - std::min(out_->sent, out_->bytes.size());
  if (out_->body) n += out_->body->size() / static_cast<size_t>(std::max(1L, out_->body.use_count()));
  return n;
}

void connection::recount() {
  const size_t now = fd_ < 0 ? 0 : in_.size() - in_at_ + elsewhere_ + (out_ ? out_->size() - out_->sent : 0);
  if (now != counted_) front_.account(std::exchange(counted_, now), now);
}

void connection::flush_outbox() {
  size_t written = 0;
  while (out_ && fd_ >= 0) {
    if (written >= written_in_turn) return front_.turns().again(this);
    bool in_body = out_->sent >= out_->bytes.size() && out_->body;
    const char* data = in_body ? out_->body->data() + (out_->sent - out_->bytes.size()) : out_->bytes.data() + out_->sent;
    size_t left = in_body ? out_->size() - out_->sent : out_->bytes.size() - out_->sent;
    ssize_t n = left == 0 ? 0 : ::send(fd_, data, std::min(left, write_at_once), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR) continue;
      return close();
    }
    if (n > 0) {
      out_->sent += static_cast<size_t>(n);
      written += static_cast<size_t>(n);
      disarm();
      arm(write_limit);
    }
    if (out_->sent < out_->size()) continue;
    out_.reset();
    recount();
    disarm();
    if (close_after_ && !busy_) linger();
  }
}

std::string connection::peer_endpoint() const {
  sockaddr_storage a{};
  socklen_t size = sizeof a;
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&a), &size) != 0 || (a.ss_family != AF_INET && a.ss_family != AF_INET6)) return "@"; // as Go calls it
  return net::format_endpoint(peer_, ntohs(a.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&a)->sin_port : reinterpret_cast<sockaddr_in6*>(&a)->sin6_port));
}

void connection::log_finished() {
  if (!facts_.line) return;
  log::debug("agent.http", "Request finished: {} latency={}", *facts_.line, format_duration(std::chrono::steady_clock::now() - facts_.began));
  facts_.line = nullptr;
}

// The request at hand has its answer.
void connection::finished() {
  if (facts_.took) {
    const auto took = std::chrono::steady_clock::now() - facts_.began;
    facts_.took->record(std::chrono::duration<double, std::milli>(took).count());
    if (!busy_ && took > light_request) heavy_ = true;
  }
  facts_.took = nullptr;
  log_finished();
  streaming_ = awaits_change_ = false;
  if (fd_ < 0) return;
  if (elsewhere_ > 0) hold_elsewhere(0);
  bool was_busy = busy_;
  busy_ = false;
  if (close_after_) {
    flush_gathered();
    if (fd_ >= 0 && !out_ && !lingering_) linger();
    return;
  }
  if (was_busy && !pumping_) {
    // Requests that waited behind this one are served from the loop, not from whoever answered it.
    if (!in_.empty() || readable_ || peer_eof_) front_.turns().again(this);
  }
}

// Says goodbye and lets the client read it: closing with unread bytes would reset the connection under the answer.
void connection::linger() {
  if (lingering_ || fd_ < 0) return;
  lingering_ = true;
  disarm();
  ::shutdown(fd_, SHUT_WR);
  if (peer_eof_) return close();
  arm(linger_limit);
  // Not here: a request that lies in the read buffer may still be in use.
  front_.turns().again(this);
}

void connection::drain() {
  std::string& buffer = front_.read_buffer();
  for (int rounds = 0; rounds < drains_in_turn && fd_ >= 0; ++rounds) {
    ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (n > 0) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    return close();
  }
  if (fd_ >= 0) front_.turns().again(this);
}

void connection::arm(nanos limit) {
  deadline_ = front_.loop().call_after(limit, [this] {
    deadline_ = 0;
    auto alive = shared_from_this();
    close();
  });
}

void connection::disarm() {
  if (deadline_) front_.loop().cancel(deadline_);
  deadline_ = 0;
}

} // namespace actord::http
