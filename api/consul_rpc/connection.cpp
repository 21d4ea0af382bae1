#include "api/consul_rpc/connection.hpp"
#include "api/consul_rpc/front.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/net/household.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/model/rpc_replies.hpp"
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace actord::consul_rpc {

namespace {

using namespace std::chrono_literals;
constexpr unsigned char server_type = 0xac; // of the connections between servers (actors/peers/core/frames.hpp)
constexpr size_t write_at_once = 256 << 10;
constexpr size_t enough_output = 32 << 20, enough_for_long = 16 << 20; // bytes that wait; beyond, no more answers are made, or no long ones
constexpr size_t most_elsewhere = 4;       // looks under way: what their answers add
constexpr size_t held_limit = 64 << 20;    // bytes of requests, per connection
constexpr size_t snapshot_request_limit = 64 << 10;
// What a connection gets of a turn of its loop; the rest waits for its next one.
constexpr int calls_in_turn = 8, reads_in_turn = 4, writes_in_turn = 2;
constexpr size_t events_in_turn = 128, read_of_small_frames = 4 << 10; // a stream that is opened costs more than the 12 bytes that do it
constexpr size_t long_request = 16 << 10; // takes a turn for itself, behind whoever has an event: decoding 4 MiB of it takes milliseconds
constexpr auto write_patience = 30s, stream_patience = 60s, snapshot_patience = 30s, idle_patience = 600s, farewell = 2s;

nanos since_epoch(net::io_loop::clock::time_point t) { return std::chrono::duration_cast<nanos>(t.time_since_epoch()); }

} // namespace

connection::connection(front& f, int fd, std::string peer)
    : turn_taker(text_hash{}(net::household_of(peer))), front_(f), fd_(fd), peer_(std::move(peer)), extent_(snapshot_request_limit) {
  opened_ = progressed_ = talked_ = f.loop().now();
  const int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

connection::~connection() {
  if (fd_ >= 0) ::close(fd_);
}

bool connection::open() { return front_.loop().watch(fd_, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this).ok(); }

void connection::close() {
  if (fd_ < 0) return;
  auto keep = shared_from_this();
  front_.loop().unwatch(fd_, this);
  front_.turns().withdraw(this);
  ::close(std::exchange(fd_, -1));
  while (!talks_.empty()) drop_talk(talks_.begin());
  waiting_calls_.clear();
  long_calls_.clear();
  due_.clear();
  yamux_.reset();
  out_.clear();
  sent_ = 0;
  recount(0, 0);
  front_.closed(*this);
}

void connection::doom() {
  doomed_ = true;
  need_flush();
}

void connection::last_words() {
  at_ = stage::closing;
  while (!talks_.empty()) drop_talk(talks_.begin());
  need_flush();
}

// ---- bytes in --------------------------------------------------------------------------------------------------

void connection::on_io(uint32_t events) {
  auto keep = shared_from_this();
  if (events & (EPOLLERR | EPOLLHUP)) return close();
  if (events & (EPOLLIN | EPOLLRDHUP)) readable_ = true;
  if (waits_for_turn()) return; // more that came makes it no sooner
  on_turn();
}

void connection::on_turn() {
  auto keep = shared_from_this();
  calls_left_ = calls_in_turn;
  while (!due_.empty() && calls_left_ > 0 && fd_ >= 0) {
    auto c = std::move(due_.front());
    due_.pop_front();
    calls_left_ -= c->arguments.size() > long_request ? calls_in_turn : 1;
    front_.resume(c);
  }
  pump();
  if (!due_.empty() && fd_ >= 0) front_.turns().again(this);
  need_flush();
}

bool connection::may_read() const {
  if (fd_ < 0 || !readable_ || !due_.empty()) return false;
  auto it = at_ == stage::single ? talks_.find(0) : talks_.end();
  return it == talks_.end() || it->second.behind.empty();
}

void connection::pump() {
  for (int n = 0; may_read(); ++n) {
    if (n == reads_in_turn || (n > 0 && small_frames_)) return front_.turns().again(this); // others want their turn
    if (!receive()) break;
  }
  heed_end();
}

// The other side says no more. Whoever has asked may still read the answer; then we are done.
void connection::heed_end() {
  if (fd_ < 0 || !far_eof_) return;
  auto it = talks_.find(0);
  if (at_ == stage::single && it != talks_.end() && it->second.at_work) return;
  if (at_ == stage::untyped || at_ == stage::streams) close();
  else if (at_ == stage::closing && shut_) close();
  else if (at_ != stage::closing) last_words();
}

bool connection::receive() {
  auto& buffer = front_.read_buffer();
  const auto room = at_ == stage::untyped ? 1 : small_frames_ ? read_of_small_frames : buffer.size(); // behind the first byte may be another's to read
  const auto n = ::recv(fd_, buffer.data(), room, 0);
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) {
    readable_ = false;
    if (n == 0) far_eof_ = true;
    else if (errno != EAGAIN && errno != EWOULDBLOCK) close();
    return false;
  }
  talked_ = front_.loop().now();
  take({buffer.data(), static_cast<size_t>(n)});
  return fd_ >= 0;
}

void connection::take(std::string_view bytes) {
  switch (at_) {
  case stage::untyped: return take_type(static_cast<unsigned char>(bytes.front()));
  case stage::single: return converse(0, bytes);
  case stage::streams: return take_streams(bytes);
  case stage::snapshot: return take_snapshot(bytes);
  case stage::closing: return;
  }
}

void connection::take_type(unsigned char type) {
  switch (type) {
  case 0:
    at_ = stage::single;
    return begin_talk(0);
  case 4:
    at_ = stage::streams;
    yamux_.emplace();
    return;
  case 5: at_ = stage::snapshot; return;
  case server_type: {
    front_.loop().unwatch(fd_, this);
    front_.turns().withdraw(this);
    auto keep = shared_from_this();
    return front_.give_to_peers(*this, std::exchange(fd_, -1));
  }
  default:
    log::debug("agent.server.rpc", "closing a connection of an unknown kind: from={} type={}", peer_, type);
    return close();
  }
}

void connection::take_streams(std::string_view bytes) {
  using kind = rpc::yamux_event::kind;
  yamux_->feed(bytes, since_epoch(front_.loop().now()));
  const auto events = yamux_->take_events();
  small_frames_ = events.size() > events_in_turn || (small_frames_ && events.size() * read_of_small_frames > events_in_turn * bytes.size());
  for (auto& e : events) {
    switch (e.what) {
    case kind::opened: begin_talk(e.stream); break;
    case kind::bytes: converse(e.stream, e.bytes); break;
    case kind::finished: far_finished(e.stream); break;
    case kind::reset:
      if (auto it = talks_.find(e.stream); it != talks_.end()) drop_talk(it);
      break;
    case kind::ended:
      log::debug("agent.server.rpc", "closing a connection: from={} error=\"{}\"", peer_, e.bytes);
      return last_words();
    case kind::pong:
    case kind::away: break;
    }
    if (fd_ < 0 || at_ != stage::streams) return;
  }
}

void connection::take_snapshot(std::string_view bytes) {
  partial_ += bytes;
  const auto verdict = extent_.scan(partial_);
  if (verdict == value_extent::verdict::unfinished) return;
  if (verdict != value_extent::verdict::whole) return close();
  rpc::snapshot_reply r;
  r.failure = "snapshots are not part of this version";
  out_ += to_msgpack(r);
  last_words();
}

// ---- conversations ---------------------------------------------------------------------------------------------

void connection::begin_talk(uint32_t stream) {
  const auto [it, is_new] = talks_.try_emplace(stream);
  if (is_new) recount(0, it->second.held());
}

void connection::converse(uint32_t stream, std::string_view bytes) {
  auto it = talks_.find(stream);
  if (it == talks_.end()) return; // we have ended it: the window keeps the rest away
  auto& t = it->second;
  if (t.at_work) {
    t.behind += bytes;
    return recount(0, bytes.size());
  }
  if (yamux_) yamux_->consumed(stream, bytes.size());
  advance(stream, bytes);
}

// Takes up requests until one is worked on or none is whole.
void connection::advance(uint32_t stream, std::string_view bytes) {
  std::string behind;
  for (;;) {
    auto it = talks_.find(stream);
    if (it == talks_.end() || it->second.at_work) return;
    auto& t = it->second;
    const auto before = t.held();
    if (!t.behind.empty()) {
      behind = std::exchange(t.behind, {});
      if (yamux_) yamux_->consumed(stream, behind.size());
      bytes = behind;
    }
    struct {
      std::optional<result<rpc::request_header>> header;
      std::string body;
    } next;
    auto s = t.reader.feed(bytes, [&next](std::string_view header, std::string_view body) {
      next.header.emplace(rpc::decode_request_header(header));
      next.body = body;
      return false;
    });
    bytes = {};
    recount(before, t.held());
    if (!s) return refuse(stream, s.err());
    if (!next.header) {
      if (t.far_finished) end_talk(stream);
      return;
    }
    if (!*next.header) return end_talk(stream); // nobody to tell: the number to answer to is not known
    start(stream, t, std::move(**next.header), std::move(next.body));
    if (it = talks_.find(stream); it != talks_.end()) it->second.advancing = false;
  }
}

void connection::start(uint32_t stream, talk& t, rpc::request_header header, std::string body) {
  t.seq = header.seq;
  t.advancing = true;
  static auto& requests = telemetry::counter("rpc.request");
  requests.add();
  auto c = front_.begin(weak_from_this(), stream, std::move(header.method), std::move(body));
  t.at_work = c;
  recount(0, c->held());
  if (!has_room(false)) return hold(std::move(c), false);
  if (calls_left_ > 0 && c->arguments.size() <= long_request) return --calls_left_, front_.run(c);
  due_.push_back(std::move(c));
  front_.turns().again(this);
}

void connection::refuse(uint32_t stream, const error& why) {
  auto it = talks_.find(stream);
  if (auto h = rpc::decode_request_header(it->second.reader.header_so_far()))
    put(stream, rpc::encode_answer({h->seq, h->method, why.text}, rpc::empty_body));
  end_talk(stream);
}

void connection::answered(uint64_t ticket, answer a) {
  const auto stream = static_cast<uint32_t>(ticket);
  auto it = talks_.find(stream);
  if (it == talks_.end() || !it->second.at_work) return;
  auto& t = it->second;
  const auto before = t.held();
  auto done = std::exchange(t.at_work, nullptr);
  recount(before, t.held());
  constexpr size_t copied = 4 << 10; // behind its header; what is longer is a piece of its own
  const bool whole = !a.failure.empty() || a.body.size() <= copied;
  const std::string_view behind = !whole ? std::string_view{} : a.failure.empty() ? a.body : rpc::empty_body;
  auto head = rpc::encode({t.seq, std::move(done->method), std::move(a.failure)}, behind.size());
  head += behind;
  put(stream, std::move(head));
  if (!whole) put(stream, std::move(a.body));
  if (a.ends_stream) end_talk(stream);
  else if (!t.advancing) {
    advance(stream, {});
    if (at_ == stage::single) heed_end();
  }
}

void connection::far_finished(uint32_t stream) {
  auto it = talks_.find(stream);
  if (it == talks_.end()) return yamux_->finish(stream);
  it->second.far_finished = true;
  if (!it->second.at_work) end_talk(stream);
}

// Our side of it ends, behind what was sent.
void connection::end_talk(uint32_t stream) {
  if (auto it = talks_.find(stream); it != talks_.end()) drop_talk(it);
  if (at_ == stage::single) last_words();
  else if (yamux_) yamux_->finish(stream);
  need_flush();
}

void connection::drop_talk(talks::iterator it) {
  auto gone = std::move(it->second);
  talks_.erase(it);
  recount(gone.held(), 0);
  if (gone.at_work) front_.abandon(*gone.at_work);
}

// ---- bytes out -------------------------------------------------------------------------------------------------

void connection::put(uint32_t stream, std::string bytes) {
  if (fd_ < 0) return;
  if (held_out_ == 0) progressed_ = front_.loop().now();
  if (yamux_) yamux_->send(stream, std::move(bytes));
  else out_ += bytes;
  need_flush();
  recount(0, 0);
}

bool connection::has_room(bool is_long) { return is_long ? held_out_ < enough_for_long && elsewhere_ < most_elsewhere : held_out_ < enough_output; }

void connection::looks_elsewhere(bool begins) {
  begins ? ++elsewhere_ : --elsewhere_;
  if (!begins && !long_calls_.empty()) need_flush();
}

void connection::recount(size_t talk_before, size_t talk_now) {
  const auto total = held();
  held_in_ = held_in_ - talk_before + talk_now;
  held_out_ = out_.size() - sent_ + (yamux_ ? yamux_->queued() : 0);
  held_by_streams_ = yamux_ ? yamux_->streams() * rpc::yamux::bytes_of_stream : 0;
  if (held_in_ > held_limit && !doomed_) {
    log::warn("agent.server.rpc", "closing a connection with too many unfinished requests: from={} bytes={}", peer_, held_in_);
    doom();
  }
  if (held() != total) front_.account(total, held());
}

void connection::need_flush() {
  if (fd_ < 0 || std::exchange(dirty_, true)) return;
  front_.wants_flush(*this);
}

// False when the connection is gone.
bool connection::write_out() {
  for (int written = 0;; ++written) {
    if (written >= writes_in_turn && fd_ >= 0) return front_.turns().again(this), true; // its bytes go on in on_turn's flush
    if (sent_ == out_.size()) {
      if (out_.capacity() > 2 * write_at_once) out_ = {};
      out_.clear();
      sent_ = 0;
      if (yamux_) yamux_->drain(out_, write_at_once);
      if (out_.empty()) return true;
    }
    const auto n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (n <= 0) {
      close();
      return false;
    }
    sent_ += static_cast<size_t>(n);
    progressed_ = front_.loop().now();
  }
}

void connection::flush() {
  auto keep = shared_from_this();
  dirty_ = false;
  if (fd_ < 0) return;
  if (doomed_) return close();
  if (!write_out()) return;
  recount(0, 0);
  if (at_ == stage::closing && out_.empty()) {
    if (far_eof_) return close();
    if (!std::exchange(shut_, true)) {
      shut_at_ = front_.loop().now();
      ::shutdown(fd_, SHUT_WR);
    }
  }
  for (auto* held : {&waiting_calls_, &long_calls_})
    while (!held->empty() && has_room(held == &long_calls_) && fd_ >= 0 && due_.size() < calls_in_turn) {
      due_.push_back(std::move(held->front()));
      held->pop_front();
    }
  // In another turn: this one's end is where we are.
  if (fd_ >= 0 && (dirty_ || may_read() || !due_.empty())) front_.turns().again(this);
}

// ---- time ------------------------------------------------------------------------------------------------------

void connection::tick(net::io_loop::clock::time_point now) {
  auto keep = shared_from_this();
  const auto age = now - opened_;
  if (at_ == stage::untyped && age >= front_.parts().config.rpc_handshake_timeout) return close();
  if (at_ == stage::snapshot && age >= snapshot_patience) return close();
  if (at_ == stage::closing && shut_ && now - shut_at_ >= farewell) return close();
  if (out_.size() > sent_ && now - progressed_ >= write_patience) {
    log::debug("agent.server.rpc", "closing a connection that does not take its answers: from={}", peer_);
    return close();
  }
  if (at_ == stage::single && talks_.contains(0) && !talks_.at(0).at_work && now - talked_ >= idle_patience) return close();
  if (at_ != stage::streams) return;
  yamux_->tick(since_epoch(now));
  if (yamux_->ended()) return last_words();
  std::vector<uint32_t> stalled;
  if (yamux_->queued() > 0)
    for (auto& [stream, t] : talks_) {
      if (!yamux_->stalled(stream)) t.stalled = {};
      else if (t.stalled == net::io_loop::clock::time_point{}) t.stalled = now;
      else if (now - t.stalled >= stream_patience) stalled.push_back(stream);
    }
  for (auto stream : stalled) {
    drop_talk(talks_.find(stream));
    yamux_->reset(stream);
  }
  if (yamux_->has_output()) need_flush();
}

} // namespace actord::consul_rpc
