// yamux: many byte streams over one connection (actors/rpc/wire.md). Bytes come in by feed(), what they mean goes out
// by take_events(); orders are calls, the bytes that they make go out by drain(). Both ends of a connection are this class.
//
// Memory is bounded: a stream's unread bytes by its window, streams and answers to the other side's frames by options. What the
// owner sends is the owner's to bound; queued() says how much of it waits.
#pragma once
#include "runtime/base/duration.hpp"
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace actord::rpc {

struct yamux_event {
  enum class kind : uint8_t {
    opened,   // a stream, by the other side
    bytes,    // on a stream; say consumed() when done with them: only then may the other side send more
    finished, // the other side sends nothing more on this stream
    reset,    // the stream is gone, both ways
    pong,     // a ping() was answered; `stream` is its value
    away,     // the other side accepts no new streams
    ended,    // the session, and `bytes` says why; the last event, all streams are gone
  };
  kind what;
  uint32_t stream = 0;
  std::string bytes = {};
};

enum class away_code : uint32_t { normal = 0, protocol_error = 1, internal_error = 2 }; // on the wire

struct yamux_options {
  bool client = false;                   // opens odd streams; a server even ones
  uint32_t window = 256 << 10;           // bytes; both sides must agree, and all of them do on this
  size_t backlog = 256;                  // streams that we opened and the other side has not acknowledged
  size_t max_streams = 16384;            // open at a time; more are reset
  size_t frame = 64 << 10;               // bytes of data in one frame of ours, so that streams take turns
  size_t max_control = 256 << 10;        // bytes of answers that wait for a side that does not read
  nanos ping_every = std::chrono::seconds(30), patience = std::chrono::seconds(10);
  nanos end_patience = std::chrono::seconds(60); // a server resets streams that it has finished and the client does not
};

class yamux {
public:
  explicit yamux(yamux_options o = {}) : o_(o), next_id_(o.client ? 1 : 2) {}

  // Times are those of one steady clock.
  void feed(std::string_view in, nanos now);
  std::vector<yamux_event> take_events() { return std::exchange(events_, {}); }

  // 0 when no stream can be opened now: the backlog is full, the other side goes away, or the session has ended.
  uint32_t open();
  // False when there is no such stream, or we have finished it.
  bool send(uint32_t stream, std::string bytes);
  void finish(uint32_t stream);             // no more from us; goes out behind what was sent
  void reset(uint32_t stream);
  void consumed(uint32_t stream, size_t n); // that came on it
  void go_away(away_code code);             // no new streams; with an error code the session ends
  void ping(uint32_t value);

  // Keep-alive: call it every second or so. The session ends when the other side answers nothing and says nothing.
  void tick(nanos now);

  // Appends frames to `out` until it has grown by `at_most` or a little more.
  void drain(std::string& out, size_t at_most);
  bool has_output() const { return !control_.empty() || !ready_.empty(); }
  size_t queued() const { return queued_; } // bytes of data that were sent and did not go out yet
  bool stalled(uint32_t stream) const;      // has bytes that wait for the other side to open its window

  bool ended() const { return ended_; }
  size_t streams() const { return streams_.size(); }
  static constexpr size_t bytes_of_stream = 144; // about, of memory, when nothing waits on it
  bool has(uint32_t stream) const { return streams_.contains(stream); }

private:
  struct channel {
    channel(uint32_t window, bool we_opened) : may_send(window), may_receive(window), ours(we_opened) {}
    uint64_t may_send;        // the other side's window
    uint32_t may_receive;     // ours
    uint32_t consumed = 0;    // since the last update of our window
    std::vector<std::string> out; // a deque would take 600 bytes for each idle stream
    size_t out_first = 0, out_at = 0; // the piece whose turn it is, and what of it has gone
    bool ours, acknowledged = false;
    bool finishing = false, finished = false; // by us: asked for, and told
    bool far_finished = false;
    bool ready = false;       // in ready_
    bool has_out() const { return out_first < out.size(); }
    void pop_out();
  };
  using channels = std::unordered_map<uint32_t, channel>;

  bool take_head();
  void take_body(std::string_view bytes);
  void take_ping(uint16_t flags, uint32_t value);
  void take_away(uint32_t code);
  void take_stream(uint8_t type, uint16_t flags, uint32_t stream, uint32_t length);
  bool accept(uint32_t stream);
  void far_end(uint32_t stream);
  void control(uint8_t type, uint16_t flags, uint32_t stream, uint32_t length);
  void schedule(uint32_t stream, channel& c);
  void write_some(uint32_t stream, channel& c, std::string& out);
  void settle(uint32_t stream); // forget it when both sides have finished
  void told_end(uint32_t stream, channel& c);
  channels::iterator forget(channels::iterator it);
  void fail(std::string why); // tells the other side that it broke the protocol, and ends
  void end(std::string why);

  yamux_options o_;
  uint32_t next_id_;
  channels streams_;
  std::deque<uint32_t> ready_; // streams that can send, in turns; may hold some that are gone
  std::deque<std::pair<nanos, uint32_t>> half_ended_; // streams that we have finished, since when; some are gone
  std::vector<yamux_event> events_;
  std::string head_;           // an incomplete header
  std::string control_;        // frames without data, to go out first
  size_t body_left_ = 0;       // of the data frame that is coming in
  uint32_t body_stream_ = 0;   // 0: drop the body
  bool body_finishes_ = false;
  size_t queued_ = 0, unacknowledged_ = 0;
  bool far_away_ = false, away_ = false, ended_ = false;
  bool pinging_ = false;       // a keep-alive ping is out
  uint32_t ping_value_ = 0;
  nanos heard_{0}, pinged_{0}, ticked_{0};
};

} // namespace actord::rpc
