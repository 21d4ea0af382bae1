// One client's connection: bytes in, requests to the front, answers out in order. It lives in one loop; one request is
// worked on at a time, so pipelined ones wait in the buffer. An idle connection holds no buffers.
#pragma once
#include "api/http/core/request_parser.hpp"
#include "api/http/encoded_answer.hpp"
#include "runtime/net/turn_queue.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <memory>
#include <string>

namespace actord::http {

class front;
struct query_group;

// What the answer to the request at hand depends on besides its content; kept while it is worked on.
struct reply_facts {
  bool http10 = false;
  bool keep_alive = true;
  bool gzip = false;
  bool pretty = false;
  bool no_body = false;              // HEAD
  bool tell_index = false;           // a write with ?at_least is told its index
  std::string_view cache;            // X-Cache, when asked with ?cached
  std::string_view consistency;      // for X-Consul-Effective-Consistency
  std::unique_ptr<std::string> line; // for the log; only when requests are logged
  telemetry::series* took = nullptr; // ms; of the route, null when no route was found
  std::chrono::steady_clock::time_point began;
};

class connection final : public net::io_handler, public net::turn_taker, public std::enable_shared_from_this<connection> {
public:
  connection(front& f, int fd, std::string peer);
  ~connection() override;
  bool open(); // registers with the loop; false when that fails

  void on_io(uint32_t events) override;
  void on_turn() override;
  void close();

  // Answers the request at hand.
  void send(response& r);
  void send_shared(encoded_answer& a, const meta_headers& meta);
  // A stream instead of one body.
  void begin_stream(response& r);
  bool stream_piece(std::string_view piece);
  void end_stream();

  bool is_open() const { return fd_ >= 0; }
  bool busy() const { return busy_; }
  uint64_t serial() const { return serial_; }
  const std::string& peer() const { return peer_; }
  std::string peer_endpoint() const; // "ip:port"; asks the kernel
  reply_facts& facts() { return facts_; }
  // Closes it when it waits for a change and the other side left before that: no further event tells of it.
  void close_if_left();
  // The request will be answered later.
  void set_busy(bool busy = true) { busy_ = busy; }
  // What it waits for is a change, in no group.
  void wait_for_change() { awaits_change_ = true; }

  // Bytes that it makes us hold: of requests that are not whole, or worked on elsewhere, and of answers that it has not taken. What answers
  // share with others counts in parts.
  size_t held() const;
  size_t counted() const { return counted_; }
  void hold_elsewhere(size_t bytes) { elsewhere_ = bytes, recount(); }

  // Where it waits, when it waits for a change; kept by query_groups.
  query_group* group = nullptr;
  size_t waiter_at = 0;

private:
  struct outbox { // what the socket did not take
    std::string bytes;
    std::shared_ptr<const std::string> body; // after bytes
    size_t sent = 0;                         // of both together
    size_t size() const { return bytes.size() + (body ? body->size() : 0); }
  };
  void pump();
  bool receive();
  bool turn_is_over() const;
  size_t consume(std::string_view bytes);
  parse_outcome next_request(std::string_view bytes, size_t& used);
  void refuse(const refusal& why);
  void refuse_body(const request& r, std::string_view why);
  void refuse_size(uint64_t length, uint64_t limit, bool named, bool close);
  void head_of(const response& r, uint64_t length, bool zipped, bool chunked, std::string& out);
  void transmit(std::string head, std::shared_ptr<const std::string> body);
  void keep_unsent(std::string head, std::shared_ptr<const std::string> body, size_t sent);
  void flush_gathered();
  void flush_outbox();
  void finished();
  void log_finished();
  bool is_left() const { return peer_eof_ && (group || streaming_ || awaits_change_); } // nobody waits for this answer any more
  void recount();
  void arm(nanos limit);
  void disarm();
  void linger();
  void drain();

  front& front_;
  int fd_;
  std::string peer_;
  std::string in_;            // from in_at_ on: bytes of a request that is not complete, or of requests that wait
  size_t in_at_ = 0;
  std::string gathered_;      // answers of this turn, written together
  std::unique_ptr<outbox> out_;
  std::unique_ptr<parse_progress> progress_; // of a request that came in pieces
  uint64_t serial_ = 0;
  size_t elsewhere_ = 0, counted_ = 0; // the latter as the front knows it
  net::timer_id deadline_ = 0;
  uint16_t served_ = 0, reads_ = 0; // in this turn
  reply_facts facts_;
  bool readable_ = false, peer_eof_ = false, busy_ = false, pumping_ = false, starved_ = false;
  bool awaits_change_ = false, close_after_ = false, lingering_ = false, heavy_ = false, continued_ = false, streaming_ = false, body_armed_ = false;
};

// Who waits for the answer to its request of this number; null when it has it, or is gone.
inline std::shared_ptr<connection> still_waiting(const std::weak_ptr<connection>& who, uint64_t serial) {
  auto c = who.lock();
  return c && c->is_open() && c->busy() && c->serial() == serial ? c : nullptr;
}

} // namespace actord::http
