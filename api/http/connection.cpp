#include "api/http/connection.hpp"
#include "api/http/front.hpp"
#include <cerrno>
#include <fmt/format.h>
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
constexpr size_t copy_below = 16384;          // smaller bodies are copied behind their head
constexpr size_t gather_at_most = 256 * 1024; // answers of pipelined requests in one write
constexpr size_t stream_backlog = 4 << 20;

} // namespace

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
  if (group) front_.groups().leave(*this);
  front_.loop().unwatch(fd_, this);
  ::close(fd_);
  fd_ = -1;
  busy_ = false;
  ++serial_;
  front_.closed(*this);
}

void connection::on_io(uint32_t events) {
  auto alive = shared_from_this();
  if (events & (EPOLLERR | EPOLLHUP)) return close();
  if (events & EPOLLRDHUP) peer_eof_ = readable_ = true;
  if (events & EPOLLIN) readable_ = true;
  if (lingering_) return drain();
  if ((events & EPOLLOUT) && out_) flush_outbox();
  if (fd_ >= 0 && peer_eof_ && (group || streaming_)) return close(); // nobody waits for this answer any more
  if (fd_ >= 0) pump();
}

// Works on what is there until a request waits, the socket is empty, or the client does not take answers.
void connection::pump() {
  if (pumping_) return;
  pumping_ = true;
  auto alive = shared_from_this();
  while (fd_ >= 0 && !busy_ && !out_ && !lingering_) {
    if (!in_.empty() && !starved_) {
      size_t used = consume(in_);
      if (used == in_.size()) in_ = std::string();
      else in_.erase(0, used);
    } else if (!readable_ || !receive()) {
      break;
    }
  }
  if (fd_ >= 0) flush_gathered();
  pumping_ = false;
  if (fd_ >= 0 && peer_eof_ && !readable_ && !busy_ && !out_ && !lingering_) close();
}

// Reads once and works on it. False when there was nothing.
bool connection::receive() {
  std::string& buffer = front_.read_buffer();
  ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
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
  while (done < bytes.size() && fd_ >= 0 && !busy_ && !out_ && !lingering_) {
    size_t used = 0;
    auto outcome = next_request(bytes.substr(done), used);
    if (outcome == parse_outcome::incomplete) {
      starved_ = true;
      break;
    }
    if (outcome != parse_outcome::complete) return bytes.size();
    done += used;
    progress_ = {};
    continued_ = false;
    if (deadline_) disarm();
  }
  return done;
}

parse_outcome connection::next_request(std::string_view bytes, size_t& used) {
  request& r = front_.request_object();
  refusal why;
  size_t head = 0, body = 0;
  auto outcome = parse_head(bytes, progress_, r, head, why);
  if (outcome == parse_outcome::incomplete && !deadline_) arm(head_limit);
  if (outcome == parse_outcome::failed) refuse(why);
  if (outcome != parse_outcome::complete) return outcome;
  bool named = false;
  uint64_t limit = front_.body_limit(r, named);
  outcome = parse_body(bytes.substr(head), progress_, r, limit, body);
  if (outcome == parse_outcome::failed) return refuse_body(r), outcome;
  if (outcome == parse_outcome::too_large) {
    facts_ = {};
    facts_.http10 = r.minor_version == 0;
    return refuse_size(r.content_length, limit, named), outcome;
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
  ++serial_;
  r.peer = peer_;
  facts_ = {};
  facts_.http10 = r.minor_version == 0;
  facts_.keep_alive = r.keep_alive;
  facts_.no_body = r.method_verb == verb::head;
  front_.serve(*this, r);
  return parse_outcome::complete;
}

// Go's answer to what is no request: no Date, no length, and the connection ends.
void connection::refuse(const refusal& why) {
  std::string text = std::to_string(why.status) + " " + std::string(reason_phrase(why.status));
  std::string out = "HTTP/1.1 " + text + (why.status == 400 ? std::string(why.text) : "");
  if (why.status == 417) out += "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  else {
    out += "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n";
    out += why.status == 501 ? std::string(why.text) : text + std::string(why.text);
  }
  close_after_ = true;
  gathered_ += out;
  flush_gathered();
}

// A body is read by the handler in Consul, so how a broken one is told is the route's: that of a key's write is 500.
void connection::refuse_body(const request& r) {
  if (r.method_verb != verb::put || !r.path.starts_with("/v1/kv/")) return refuse({});
  facts_ = {};
  facts_.http10 = r.minor_version == 0;
  response answer;
  answer.text(500, "invalid byte in chunk length");
  answer.close = true;
  send(answer);
}

void connection::refuse_size(uint64_t length, uint64_t limit, bool named) {
  // A chunked body's length is not known; what it exceeded is.
  std::string text = "Request body(" + std::to_string(length == 0 ? limit + 1 : length) +
                     " bytes) too large, max size: " + std::to_string(limit) + " bytes.";
  if (named) text += front_.limit_advice();
  response r;
  r.text(413, text);
  r.close = true;
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
  bool zipped = facts_.gzip && !r.plain && !r.body.empty();
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
  auto body = a.body(facts_.pretty, false);
  bool zipped = facts_.gzip && !body->empty();
  if (zipped) body = a.body(facts_.pretty, true);
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
  facts_.keep_alive = false; // it ends with the connection
  std::string head;
  head_of(r, 0, false, !facts_.http10, head);
  close_after_ = false;
  flush_gathered();
  transmit(std::move(head), nullptr);
}

bool connection::stream_piece(std::string_view piece) {
  if (fd_ < 0 || !streaming_) return false;
  if (piece.empty()) return true;
  std::string bytes;
  if (facts_.http10) bytes = piece;
  else bytes = fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  if (!out_) {
    transmit(std::move(bytes), nullptr);
  } else if (out_->body || out_->bytes.size() + bytes.size() > stream_backlog) {
    close();
  } else {
    out_->bytes += bytes;
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
  ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return close();
  size_t sent = n < 0 ? 0 : static_cast<size_t>(n);
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
    return;
  }
  // Something was left already: all goes into one buffer behind it.
  if (out_->body) {
    out_->bytes += *out_->body;
    out_->body = nullptr;
  }
  out_->bytes += head;
  out_->body = std::move(body);
}

void connection::flush_outbox() {
  while (out_ && fd_ >= 0) {
    bool in_body = out_->sent >= out_->bytes.size() && out_->body;
    const char* data = in_body ? out_->body->data() + (out_->sent - out_->bytes.size()) : out_->bytes.data() + out_->sent;
    size_t left = in_body ? out_->size() - out_->sent : out_->bytes.size() - out_->sent;
    ssize_t n = left == 0 ? 0 : ::send(fd_, data, left, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR) continue;
      return close();
    }
    if (n > 0) {
      out_->sent += static_cast<size_t>(n);
      disarm();
      arm(write_limit);
    }
    if (out_->sent < out_->size()) continue;
    out_.reset();
    disarm();
    if (close_after_ && !busy_) linger();
  }
}

// The request at hand has its answer.
void connection::finished() {
  if (facts_.took)
    facts_.took->record(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - facts_.began).count());
  facts_.took = nullptr;
  streaming_ = false;
  if (fd_ < 0) return;
  bool was_busy = busy_;
  busy_ = false;
  if (close_after_) {
    flush_gathered();
    if (fd_ >= 0 && !out_ && !lingering_) linger();
    return;
  }
  if (was_busy && !pumping_) {
    // Requests that waited behind this one are served from the loop, not from whoever answered it.
    if (!in_.empty() || readable_ || peer_eof_) front_.loop().post([self = shared_from_this()] { if (self->fd_ >= 0) self->pump(); });
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
  front_.loop().post([self = shared_from_this()] { if (self->fd_ >= 0) self->drain(); });
}

void connection::drain() {
  std::string& buffer = front_.read_buffer();
  for (int rounds = 0; rounds < 64 && fd_ >= 0; ++rounds) {
    ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (n > 0) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    return close();
  }
  if (fd_ >= 0) front_.loop().post([self = shared_from_this()] { if (self->fd_ >= 0) self->drain(); });
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
