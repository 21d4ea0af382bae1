// One client's connection to the server port: its first byte says what it is. Conversations (one, or one per yamux stream) are
// sequential: the next request waits until the last is answered.
#pragma once
#include "actors/rpc/core/call.hpp"
#include "actors/rpc/core/yamux.hpp"
#include "api/consul_rpc/call.hpp"
#include "runtime/base/value_extent.hpp"
#include "runtime/net/turn_queue.hpp"
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

namespace actord::consul_rpc {

class front;

class connection final : public net::io_handler, public net::turn_taker, public asker, public std::enable_shared_from_this<connection> {
public:
  connection(front& f, int fd, std::string peer);
  ~connection() override;
  bool open(); // registers with the loop; false when that fails

  void on_io(uint32_t events) override;
  void on_turn() override;
  void close();
  void doom(); // close it when nobody is on the stack
  void tick(net::io_loop::clock::time_point now); // every second or so
  void flush();

  void answered(uint64_t ticket, answer a) override;
  bool has_room(bool is_long) override;
  void hold(std::shared_ptr<call> c, bool is_long) override { (is_long ? long_calls_ : waiting_calls_).push_back(std::move(c)); }
  void looks_elsewhere(bool begins) override;

  const std::string& peer() const { return peer_; }
  uint64_t household() const override { return source(); }
  size_t held() const { return held_in_ + held_out_ + held_by_streams_; }

private:
  enum class stage : uint8_t { untyped, single, streams, snapshot, closing };
  struct talk { // one conversation
    rpc::pair_reader reader{rpc::request_limit, rpc::request_values};
    std::string behind; // came while a request was worked on; still counts against the stream's window
    std::shared_ptr<call> at_work;
    uint64_t seq = 0;   // of the request at work
    bool advancing = false, far_finished = false;
    net::io_loop::clock::time_point stalled{}; // since when the other side does not open its window
    size_t held() const { return sizeof(talk) + reader.held() + behind.size() + (at_work ? at_work->held() : 0); }
  };
  using talks = std::unordered_map<uint32_t, talk>; // by stream; 0 for a single conversation

  void pump();
  bool may_read() const;
  void heed_end();
  bool receive();
  void take(std::string_view bytes);
  void take_type(unsigned char type);
  void take_streams(std::string_view bytes);
  void take_snapshot(std::string_view bytes);
  void converse(uint32_t stream, std::string_view bytes);
  void advance(uint32_t stream, std::string_view bytes);
  void start(uint32_t stream, talk& t, rpc::request_header header, std::string body);
  void refuse(uint32_t stream, const error& why);
  void far_finished(uint32_t stream);
  void end_talk(uint32_t stream);
  void drop_talk(talks::iterator it);
  void put(uint32_t stream, std::string bytes);
  bool write_out();
  void need_flush();
  void begin_talk(uint32_t stream);
  void recount(size_t talk_before, size_t talk_now);
  void last_words(); // nothing is read any more; closed when what there is has gone out

  front& front_;
  int fd_;
  std::string peer_;
  stage at_ = stage::untyped;
  std::optional<rpc::yamux> yamux_;
  talks talks_;
  std::deque<std::shared_ptr<call>> waiting_calls_, long_calls_; // until answers have gone out, or looks elsewhere have ended
  size_t elsewhere_ = 0;                            // looks under way
  std::deque<std::shared_ptr<call>> due_;           // beyond what one turn has room for
  int calls_left_ = 0;                              // in this turn
  std::string out_;
  size_t sent_ = 0; // of out_
  size_t held_in_ = 0, held_out_ = 0, held_by_streams_ = 0; // the last also of such as the client does not end
  std::string partial_; // a snapshot request
  value_extent extent_; // of it
  net::io_loop::clock::time_point opened_, progressed_, talked_, shut_at_; // progressed_, talked_: bytes went out, came in
  bool small_frames_ = false; // what came last was many frames: less is read at a time
  bool readable_ = false, far_eof_ = false, doomed_ = false, dirty_ = false, shut_ = false;
};

} // namespace actord::consul_rpc
