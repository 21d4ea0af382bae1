#include "actors/rpc/core/yamux.hpp"
#include <algorithm>
#include <array>

namespace actord::rpc {

namespace {

using kind = yamux_event::kind;
constexpr size_t head_size = 12;
enum frame_type : uint8_t { data_frame = 0, window_frame = 1, ping_frame = 2, away_frame = 3 }; // on the wire
enum frame_flag : uint16_t { syn = 1, ack = 2, fin = 4, rst = 8 };                             // on the wire
constexpr uint32_t keep_alive_base = 0x40000000; // our pings' values, apart from small ones that an owner may choose

uint32_t big_endian(const char* p) {
  uint32_t v = 0;
  for (int i = 0; i < 4; ++i) v = v << 8 | static_cast<unsigned char>(p[i]);
  return v;
}

std::array<char, head_size> head_of(uint8_t type, uint16_t flags, uint32_t stream, uint32_t length) {
  return {0, static_cast<char>(type), static_cast<char>(flags >> 8), static_cast<char>(flags),
          static_cast<char>(stream >> 24), static_cast<char>(stream >> 16), static_cast<char>(stream >> 8), static_cast<char>(stream),
          static_cast<char>(length >> 24), static_cast<char>(length >> 16), static_cast<char>(length >> 8), static_cast<char>(length)};
}

} // namespace

// ---- in --------------------------------------------------------------------------------------------------------

void yamux::feed(std::string_view in, nanos now) {
  if (!in.empty()) heard_ = now;
  while (!in.empty() && !ended_) {
    if (body_left_ > 0) {
      const auto n = std::min(in.size(), body_left_);
      take_body(in.substr(0, n));
      in.remove_prefix(n);
      continue;
    }
    const auto n = std::min(in.size(), head_size - head_.size());
    head_.append(in.substr(0, n));
    in.remove_prefix(n);
    if (head_.size() < head_size) return;
    if (!take_head()) return;
    head_.clear();
  }
}

bool yamux::take_head() {
  const auto version = static_cast<unsigned char>(head_[0]), type = static_cast<unsigned char>(head_[1]);
  const auto flags = static_cast<uint16_t>(static_cast<unsigned char>(head_[2]) << 8 | static_cast<unsigned char>(head_[3]));
  const auto stream = big_endian(head_.data() + 4), length = big_endian(head_.data() + 8);
  if (version != 0) end("yamux: version " + std::to_string(version) + " instead of 0");
  else if (type == ping_frame) take_ping(flags, length);
  else if (type == away_frame) take_away(length);
  else if (type <= window_frame) take_stream(type, flags, stream, length);
  else end("yamux: unknown frame type " + std::to_string(type));
  return !ended_;
}

void yamux::take_ping(uint16_t flags, uint32_t value) {
  if (flags & syn) return control(ping_frame, ack, 0, value);
  if (pinging_ && value == ping_value_) pinging_ = false;
  else events_.push_back({kind::pong, value});
}

void yamux::take_away(uint32_t code) {
  if (code != static_cast<uint32_t>(away_code::normal)) return end("yamux: the other side went away with code " + std::to_string(code));
  if (!std::exchange(far_away_, true)) events_.push_back({kind::away});
}

void yamux::take_stream(uint8_t type, uint16_t flags, uint32_t stream, uint32_t length) {
  body_left_ = type == data_frame ? length : 0;
  body_stream_ = 0;
  body_finishes_ = false;
  if (stream == 0) return end("yamux: a stream without a number");
  if ((flags & syn) && !accept(stream)) return;
  auto it = streams_.find(stream);
  if (it == streams_.end()) return; // reset or finished by us meanwhile: its bytes are dropped
  auto& c = it->second;
  if ((flags & ack) && c.ours && !std::exchange(c.acknowledged, true)) --unacknowledged_;
  if (flags & rst) {
    forget(it);
    events_.push_back({kind::reset, stream});
    return;
  }
  if (type == window_frame) {
    c.may_send += length;
    schedule(stream, c);
  } else if (length > c.may_receive) {
    return fail("yamux: more bytes than the window of stream " + std::to_string(stream) + " has room for");
  } else {
    c.may_receive -= length;
    body_stream_ = c.far_finished ? 0 : stream;
  }
  if (!(flags & fin)) return;
  if (body_left_ > 0) body_finishes_ = true;
  else far_end(stream);
}

void yamux::take_body(std::string_view bytes) {
  body_left_ -= bytes.size();
  if (body_stream_ == 0 || !streams_.contains(body_stream_)) return;
  if (!events_.empty() && events_.back().what == kind::bytes && events_.back().stream == body_stream_) events_.back().bytes += bytes;
  else events_.push_back({kind::bytes, body_stream_, std::string(bytes)});
  if (body_left_ == 0 && body_finishes_) far_end(body_stream_);
}

bool yamux::accept(uint32_t stream) {
  if (streams_.contains(stream)) {
    fail("yamux: stream " + std::to_string(stream) + " was opened twice");
    return false;
  }
  if (away_ || streams_.size() >= o_.max_streams) {
    control(window_frame, rst, stream, 0);
    return false;
  }
  streams_.try_emplace(stream, o_.window, false);
  control(window_frame, ack, stream, 0);
  events_.push_back({kind::opened, stream});
  return true;
}

void yamux::far_end(uint32_t stream) {
  auto it = streams_.find(stream);
  if (it == streams_.end() || std::exchange(it->second.far_finished, true)) return;
  events_.push_back({kind::finished, stream});
  settle(stream);
}

// ---- orders ----------------------------------------------------------------------------------------------------

uint32_t yamux::open() {
  if (ended_ || away_ || far_away_ || unacknowledged_ >= o_.backlog || streams_.size() >= o_.max_streams) return 0;
  while (next_id_ < 0xfffffffd && streams_.contains(next_id_)) next_id_ += 2; // one that the other side took
  if (next_id_ >= 0xfffffffd) return 0;
  const auto stream = std::exchange(next_id_, next_id_ + 2);
  streams_.try_emplace(stream, o_.window, true);
  ++unacknowledged_;
  control(window_frame, syn, stream, 0);
  return stream;
}

bool yamux::send(uint32_t stream, std::string bytes) {
  auto it = streams_.find(stream);
  if (it == streams_.end() || it->second.finishing) return false;
  if (bytes.empty()) return true;
  queued_ += bytes.size();
  it->second.out.push_back(std::move(bytes));
  schedule(stream, it->second);
  return true;
}

void yamux::finish(uint32_t stream) {
  auto it = streams_.find(stream);
  if (it == streams_.end() || std::exchange(it->second.finishing, true)) return;
  if (it->second.has_out()) return; // said by the frame that takes the last of it
  told_end(stream, it->second);
  control(window_frame, fin, stream, 0);
  settle(stream);
}

void yamux::reset(uint32_t stream) {
  auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  forget(it);
  control(window_frame, rst, stream, 0);
}

void yamux::consumed(uint32_t stream, size_t n) {
  auto it = streams_.find(stream);
  if (it == streams_.end() || it->second.far_finished) return;
  auto& c = it->second;
  c.consumed += static_cast<uint32_t>(n);
  if (c.consumed < o_.window / 2) return;
  c.may_receive += c.consumed;
  control(window_frame, 0, stream, std::exchange(c.consumed, 0));
}

void yamux::go_away(away_code code) {
  if (ended_ || std::exchange(away_, true)) return;
  control(away_frame, 0, 0, static_cast<uint32_t>(code));
  if (code != away_code::normal) end("yamux: we went away");
}

void yamux::ping(uint32_t value) { control(ping_frame, syn, 0, value); }

void yamux::tick(nanos now) {
  if (ended_) return;
  // After a pause of this process the other side has not been silent: we have not listened.
  if (const auto late = now - ticked_; ticked_.count() > 0 && late > o_.patience / 2) pinged_ += late;
  ticked_ = now;
  for (; !half_ended_.empty() && now - half_ended_.front().first >= o_.end_patience; half_ended_.pop_front())
    if (auto it = streams_.find(half_ended_.front().second); it != streams_.end() && it->second.finished) reset(it->first);
  if (pinged_.count() == 0) pinged_ = now; // the first tick starts the clock
  if (!pinging_ && now - pinged_ >= o_.ping_every) {
    pinging_ = true;
    pinged_ = now;
    ping_value_ = keep_alive_base | ((ping_value_ + 1) & (keep_alive_base - 1));
    control(ping_frame, syn, 0, ping_value_);
  } else if (pinging_ && now - std::max(pinged_, heard_) >= o_.patience) {
    end("yamux: the other side does not answer");
  }
}

// ---- out -------------------------------------------------------------------------------------------------------

void yamux::control(uint8_t type, uint16_t flags, uint32_t stream, uint32_t length) {
  if (ended_) return;
  const auto head = head_of(type, flags, stream, length);
  control_.append(head.data(), head.size());
  if (control_.size() > o_.max_control) end("yamux: the other side does not read the answers to its frames");
}

void yamux::schedule(uint32_t stream, channel& c) {
  if (c.ready || !c.has_out() || c.may_send == 0) return;
  c.ready = true;
  ready_.push_back(stream);
}

bool yamux::stalled(uint32_t stream) const {
  auto it = streams_.find(stream);
  return it != streams_.end() && it->second.has_out() && it->second.may_send == 0;
}

void yamux::drain(std::string& out, size_t at_most) {
  const auto start = out.size();
  out += control_;
  control_.clear();
  while (!ready_.empty() && out.size() - start < at_most) {
    const auto stream = ready_.front();
    ready_.pop_front();
    auto it = streams_.find(stream);
    if (it == streams_.end() || !it->second.ready) continue;
    it->second.ready = false;
    write_some(stream, it->second, out);
    schedule(stream, it->second);
    settle(stream);
  }
}

void yamux::channel::pop_out() {
  out_at = 0;
  out[out_first++] = {};
  if (out_first == out.size()) out.clear();
  else if (out_first < 64 || out_first < out.size() / 2) return;
  else out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(out_first));
  out_first = 0;
}

// One frame, out of as many pieces as fit.
void yamux::write_some(uint32_t stream, channel& c, std::string& out) {
  const auto head = out.size();
  out.append(head_size, '\0');
  size_t room = std::min<uint64_t>(c.may_send, o_.frame);
  while (room > 0 && c.has_out()) {
    const auto& piece = c.out[c.out_first];
    const auto n = std::min(room, piece.size() - c.out_at);
    out.append(piece, c.out_at, n);
    c.out_at += n;
    room -= n;
    if (c.out_at < piece.size()) break;
    c.pop_out();
  }
  const auto length = static_cast<uint32_t>(out.size() - head - head_size);
  c.may_send -= length;
  queued_ -= length;
  const bool last = c.finishing && !c.has_out();
  if (last) told_end(stream, c);
  const auto real = head_of(data_frame, last ? fin : 0, stream, length);
  std::copy(real.begin(), real.end(), out.begin() + static_cast<std::ptrdiff_t>(head));
}

void yamux::told_end(uint32_t stream, channel& c) {
  c.finished = true;
  if (!o_.client && !c.far_finished) half_ended_.emplace_back(ticked_, stream);
}

void yamux::settle(uint32_t stream) {
  auto it = streams_.find(stream);
  if (it != streams_.end() && it->second.finished && it->second.far_finished) forget(it);
}

yamux::channels::iterator yamux::forget(channels::iterator it) {
  auto& c = it->second;
  for (const auto& piece : c.out) queued_ -= piece.size();
  queued_ += c.out_at;
  if (c.ours && !c.acknowledged) --unacknowledged_;
  return streams_.erase(it);
}

void yamux::fail(std::string why) {
  if (!std::exchange(away_, true)) control(away_frame, 0, 0, static_cast<uint32_t>(away_code::protocol_error));
  end(std::move(why));
}

void yamux::end(std::string why) {
  if (std::exchange(ended_, true)) return;
  streams_.clear();
  half_ended_.clear();
  ready_.clear();
  queued_ = unacknowledged_ = body_left_ = 0;
  events_.push_back({kind::ended, 0, std::move(why)});
}

} // namespace actord::rpc
