// The inside of the actor of a pool, shared by pool_actor.cpp (messages, time, publishing), pool_effects.cpp (what the cores want),
// pool_streams.cpp (TCP), pool_requests.cpp (what others ask for) and pool_writes.cpp (the disk).
#pragma once
#include "actors/coordinate/core/vivaldi.hpp"
#include "actors/gossip/cipher.hpp"
#include "actors/gossip/core/packet.hpp"
#include "actors/gossip/core/stream.hpp"
#include "actors/gossip/core/swim_core.hpp"
#include "actors/gossip/io_messages.hpp"
#include "actors/gossip/pool_actor.hpp"
#include "actors/gossip/pool_disk.hpp"
#include "actors/gossip/stream_backlog.hpp"
#include "actors/members/core/pool_core.hpp"
#include "actors/messages/pool_messages.hpp"
#include "runtime/base/text_hash.hpp"
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

namespace actord::gossip {

// A range of addresses, as bytes.
struct network {
  std::string ip;
  int bits = 0;
  bool holds(std::string_view address) const;
};
std::optional<network> parse_network(std::string_view cidr);

using pool_inside = pool_handle::extend<caf::reacts_to<packets_arrived>, caf::reacts_to<names_resolved>, caf::reacts_to<pool_ticked>,
                                        caf::reacts_to<stream_accepted>, caf::reacts_to<stream_bytes>, caf::reacts_to<stream_ended>,
                                        caf::reacts_to<disk_done>>;

// What is opened before the actor begins.
struct pool_parts {
  pool_setup setup;
  pool_io io;
  keyring keys;
  std::unique_ptr<cipher> ciphers;
  std::optional<members::snapshot_writer> lines; // of the snapshot, when there is one
  std::unique_ptr<pool_disk> disk;               // null: nothing is kept
  bool disk_has_thread = true;
  address self;
  std::vector<network> networks;
};

class pool_state {
public:
  static inline const char* name = "pool";
  using pointer = pool_inside::stateful_pointer<pool_state>;
  explicit pool_state(pointer p) : self_(p) {}
  ~pool_state();
  void begin(pool_parts&& p);

  // ---- messages
  void arrived(packets_arrived& m);
  void ticked(pool_ticked t);
  void accepted(const stream_accepted& a);
  void received(stream_bytes& b);
  void bound_held_by_streams();
  void ended(const stream_ended& e);
  void resolved(names_resolved& r);
  void written(const disk_done& d);
  caf::result<pool_joined> join(pool_join& j);
  caf::result<agent_done> leave();
  agent_done force_leave(const pool_force_leave& f);
  agent_done fire(pool_fire& f);
  caf::result<pool_keys_done> operate_keys(const pool_keys& k);
  void retag(pool_tags& t);
  void subscribe(pool_subscribe& s);

private:
  struct open_stream {
    enum class purpose : uint8_t { incoming, push_pull, ping };
    purpose what = purpose::incoming;
    address with;
    uint64_t core_id = 0; // the core's number of a push/pull, or of a ping
    std::unique_ptr<stream_reader> reader; // null: nothing more is expected, it is only to be closed
    nanos deadline{0};
  };
  struct join_under_way {
    caf::typed_response_promise<pool_joined> promise;
    std::vector<std::string> asked;
    std::vector<std::vector<std::string>> failures; // per asked
    size_t resolving = 0, exchanging = 0, reached = 0;
  };

  nanos now() const { return std::chrono::duration_cast<nanos>(self_->clock().now().time_since_epoch()); }

  // pool_actor.cpp
  void count_drops(nanos at);
  void schedule();
  void publish(nanos at);
  std::vector<std::pair<std::string, std::string>> stats() const;
  void note(bool warning, const std::string& text);
  void note(importance level, const std::string& text);
  enum class origin : uint8_t { by_us, of_others }; // of a line: what we decided, or what others made us say
  bool may_log(origin what);
  void tell_interval(nanos at);
  vetoes make_vetoes();
  std::optional<std::string> refuses(const alive& a) const;

  // pool_effects.cpp
  void perform();
  void on(send_packet& e);
  void on(open_push_pull& e);
  void on(answer_push_pull& e);
  void on(send_tcp_ping& e);
  void on(tell_member& e);
  void on(tell_conflict& e);
  void on(tell_user& e);
  void on(tell_push_pull& e);
  void on(tell_round_trip& e);
  void on(tell_broadcast_done& e);
  void on(tell_left& e);
  void on(tell_stall& e);
  void on(write_log& e) { note(e.level, e.text); }
  void on(members::broadcast& e);
  void on(members::send_direct& e);
  void on(members::tell_member_event& e);
  void on(members::tell_user_event& e);
  void on(members::tell_query&) {} // applications do not get queries: Consul's do not either
  void on(members::tell_key_request& e);
  void on(members::tell_query_answer&) {}
  void on(members::tell_query_done&) {}
  void on(members::tell_key_outcome& e);
  void on(members::rejoin& e);
  void on(members::forget_coordinate& e);
  void on(members::leave_gossip& e);
  void on(members::tell_left& e);
  void on(members::tell_name_lost& e);
  void on(members::write_log& e) { note(e.warning, e.text); }
  void set_own_coordinate();
  void send_news();

  // pool_streams.cpp
  void dial(open_stream::purpose what, uint64_t core_id, const address& to, const stream_message& m, nanos deadline);
  void answer(uint64_t id, const stream_message& m);
  void take(uint64_t id, open_stream& s, stream_message& m);
  void fail(open_stream& s, const std::string& why);
  void close(uint64_t id, const std::string& why);
  void expire_streams(nanos at);
  nanos stream_deadline() const;

  // pool_requests.cpp
  void exchange_for_join(uint64_t join, size_t which, const std::string& address);
  void settle_join(uint64_t join);
  bool join_exchange_ended(const tell_push_pull& e);
  void rejoin_next();
  bool is_leaving() const { return !leaving_.empty() || pool_->members().now_in() != members::member_core::phase::alive; }
  void leave_once_met();
  members::key_response change_keys(const members::tell_key_request& e);

  // pool_writes.cpp
  void write_kept(bool sync);
  disk_job next_job();
  void to_disk();
  bool disk_keeps_keys() const { return !setup_.keyring_path.empty(); }
  void settle(const disk_done& d);
  void answer_keys(uint64_t handle, members::key_response r);
  void end_disk();

  pointer self_;
  pool_setup setup_;
  std::unique_ptr<packet_port> packets_;
  caf::actor broker_;
  std::shared_ptr<stream_backlog> stream_bytes_waiting_ = std::make_shared<stream_backlog>();
  keyring keys_;
  std::unique_ptr<cipher> ciphers_;
  std::optional<sealing> seal_;
  std::vector<network> networks_;
  std::unique_ptr<swim_core> swim_;
  std::unique_ptr<members::pool_core> pool_;
  std::unique_ptr<coordinate::vivaldi> places_;

  std::vector<datagram> outgoing_;
  std::map<uint64_t, open_stream> streams_;
  uint64_t last_stream_ = 0;
  size_t held_by_streams_ = 0;

  uint64_t last_join_ = 0;
  std::map<uint64_t, join_under_way> joins_;
  std::map<stream_id, std::pair<uint64_t, size_t>> join_exchanges_; // core's exchange → join and which of its addresses
  std::vector<std::pair<std::string, address>> to_rejoin_; // of the snapshot, the next at the end
  std::optional<stream_id> rejoining_;
  std::vector<caf::typed_response_promise<agent_done>> leaving_;
  nanos leave_by_{nanos::max()}; // asked to leave, and waiting for exchanges under way
  std::map<uint64_t, caf::typed_response_promise<pool_keys_done>> key_queries_;

  std::optional<members::snapshot_writer> lines_;
  caf::actor disk_;
  std::unique_ptr<pool_disk> disk_here_; // in its place, in simulations
  bool disk_busy_ = false;               // with a job
  bool lines_due_ = false, whole_due_ = false, sync_due_ = false, keyring_due_ = false;
  bool keyring_owed_ = false, keyring_failing_ = false; // the file says less than we know
  std::vector<uint64_t> unanswered_, under_way_; // changes of keys: answered once the keyring that has them is written

  text_map<std::string> by_id_; // the tag `id` of members that are alive, and whose it is

  std::vector<caf::actor_addr> subscribers_;
  pool_news news_;
  bool changed_ = false, moved_ = false; // since the board was published: members, clocks; coordinates
  nanos published_{0}, flush_at_{nanos::max()};
  nanos wake_at_{nanos::max()}; // of the newest timer under way
  uint64_t generation_ = 0;
  uint64_t dropped_ = 0; // packets, of which the core knows
  uint64_t undecodable_ = 0, malformed_ = 0;
  std::string why_undecodable_;
  nanos log_interval_{0};
  size_t logged_[2] = {}, not_logged_ = 0; // by what was said: junk from others must not hide what we decided
};

} // namespace actord::gossip
