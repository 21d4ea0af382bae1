// The inside of the peers actor; for actors/peers only.
#pragma once
#include "actors/messages/peer_messages.hpp"
#include "actors/peers/core/dial_plan.hpp"
#include "actors/peers/core/frames.hpp"
#include "actors/peers/core/outbox.hpp"
#include "actors/peers/peers_actor.hpp"
#include "actors/peers/snapshot_disk.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/base/snapshot_pace.hpp"
#include "runtime/net/stream_socket.hpp"
#include <caf/io/broker.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

namespace actord::peer {

using net::format_endpoint, net::listen_on, net::resolver, net::start_dial, net::tune, net::unacknowledged;

inline constexpr const char* log_name = "agent.server.peers";

// One connection. Its number is never used again, unlike CAF's handle, which is the descriptor.
struct link {
  enum class stage : uint8_t {
    dialled, // ours; waiting for the other side's hello
    silent,  // accepted; nothing is known of it
    open,    // hellos were exchanged
    closing, // the last frames go out, nothing is read
  };
  uint64_t number = 0;
  caf::io::connection_handle handle;
  stage at = stage::silent;
  bool outgoing = false, typed = false; // typed: the first byte was read
  peer::purpose purpose = peer::purpose::raft;
  uint64_t target = 0; // of the dial plan; 0 on accepted and snapshot connections
  std::string address; // the other end
  server_id wanted;    // who we dialled
  hello said;          // from stage open on
  frame_reader reader;
  outbox out;
  std::unordered_map<uint64_t, size_t> unanswered; // questions of the other side that are with the raft actor, and their bytes
  size_t unanswered_bytes = 0;
  uint64_t in_kernel = 0; // bytes given to the multiplexer and not yet written
  uint64_t written = 0, arrived = 0; // bytes in all, and those that the other side's kernel has acknowledged when last looked at
  int64_t opened = 0, heard = 0, pinged = 0;
};

// A snapshot that we send. It outlives its connections.
struct sending {
  raft::message install;
  uint64_t transfer = 0, size = 0;
  uint64_t link = 0;             // 0: between two connections
  uint64_t queued = 0, acked = 0; // bytes, on this connection
  uint64_t best = 0;             // bytes, ever acknowledged
  bool opened = false;           // the file
  bool begun = false, reading = false, finished = false; // on this connection
  unsigned failures = 0;         // connections without progress
  int64_t begun_at = 0, progress = 0, next_try = 0;
  std::optional<snapshot_pace> pace; // from its first byte on
  bool waiting = false;          // a snapshot_turn is on its way
};

struct snapshot_turn { // to ourselves: the pace lets more of this snapshot go
  server_id to;
  uint64_t transfer = 0;
};

// The snapshot that comes to us.
struct receiving {
  server_id from;
  raft::message install;
  std::string path;
  uint64_t transfer = 0, size = 0;
  uint64_t link = 0;
  uint64_t taken = 0, written = 0; // bytes handed to the disk, and there
  bool finishing = false;
  int64_t touched = 0;
};

struct peers_state {
  static inline const char* name = "peers";
  using pointer = caf::stateful_actor<peers_state, caf::io::broker>*;
  explicit peers_state(pointer p) : self(p) {}

  // ---- peers_actor.cpp: messages from this process, the timer
  void start(peers_setup s, raft_handle r, int listener);
  void stop(const caf::error& reason);
  void send_messages(const peers_send& m);
  void note_full(const link& l);
  void want(const peers_wanted& w);
  void say(peers_say& s);
  void ask(peers_ask& a);
  void reply(const peers_reply& r);
  void tick();
  void settle_ask(uint64_t id, error failure, std::string body = {});

  // ---- links.cpp: connections
  void accepted(caf::io::connection_handle h, bool typed = false); // typed: its first byte was read
  void adopt(int fd);                                             // accepted by somebody else, typed
  void dial(const dial_plan::dial& d);
  link* open_link(const std::string& address); // a connection on its way, with our greeting; null when that failed at once
  void received(const caf::io::new_data_msg& m);
  void transferred(const caf::io::data_transferred_msg& m);
  void disconnected(caf::io::connection_handle h);
  uint64_t push(link& l, lane where, std::string frame);
  void pump(link& l);
  void close(link& l, bool at_once = true); // l is gone after that when at_once
  void refuse(link& l, const std::string& text);
  void watch_links(int64_t now);
  // All that accepted connections have of what `weight` counts, and whose turn it is to go: of the address that has most in all it is the
  // connection with most, the oldest of equals. However many connections strangers open, who comes from elsewhere stays.
  struct excess {
    size_t all = 0;
    link* goes = nullptr;
  };
  excess weigh(const std::function<size_t(const link&)>& weight);
  void bound_accepted();
  void bound_held();

  // ---- greeting.cpp: hellos and frames
  bool take_frame(uint64_t number, frame_kind kind, std::string_view body); // false: the connection is gone
  bool take_hello(link& l, std::string_view body);
  bool greet_accepted(link& l);
  bool greet_dialled(link& l);
  void take_messages(link& l, std::string_view body);
  std::string refusal_of(const hello& h) const; // "" when it may talk to us
  void flush_received();

  // ---- snapshots_out.cpp
  void send_snapshot(const peers_send_snapshot& m);
  void connect_sending(const server_id& to, sending& s);
  void retry_sending(const server_id& to, sending& s, const std::string& why);
  void end_sending(const server_id& to, bool arrived, const std::string& why);
  bool greet_receiver(link& l);
  void take_ack(link& l, const snapshot_ack& a);
  bool may_read(const server_id& to, sending& s);
  void take_turn(const snapshot_turn& t);
  void fill_window(link& l, const server_id& to, sending& s);
  void was_read(disk_read_done& d);
  void watch_sendings(int64_t now);

  // ---- snapshots_in.cpp
  bool take_begin(link& l, std::string_view body);
  bool take_chunk(link& l, std::string_view body);
  bool take_done(link& l);
  void was_written(const disk_write_done& d);
  void give_up_receiving(const std::string& why);
  void watch_receiving(int64_t now);

  link* find(uint64_t number);
  int64_t now() const;
  int64_t now_us() const;
  latency_counts writes_so_far() const { return setup.writes ? setup.writes->so_far() : latency_counts{}; }
  outbox fresh_outbox() const;
  hello own_hello(peer::purpose p) const;
  bool once_a_minute(const std::string& what);

  pointer self;
  peers_setup setup;
  raft_handle raft;
  std::unique_ptr<dial_plan> plan;
  std::unique_ptr<resolver> lookup;
  uint64_t next_number = 0;
  std::map<uint64_t, link> links; // in the order in which they were opened
  std::unordered_map<int64_t, uint64_t> by_handle;
  std::map<server_id, uint64_t> routes; // our open Raft connection to each server
  peer_messages received_messages;      // of the read that is being handled

  struct asked {
    server_id to;
    uint64_t link = 0, ticket = 0;
    int64_t deadline = 0;
  };
  std::map<uint64_t, asked> questions;
  std::map<server_id, sending> sendings;
  write_baseline calm_writes;
  std::optional<receiving> incoming;
  uint64_t received_transfer = 0; // the last that came whole
  uint64_t next_file = 0;
  caf::actor disk;
  prng random;
  std::map<std::string, int64_t> logged; // once_a_minute
  int64_t ticked = 0;
};

} // namespace actord::peer

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer::snapshot_turn)
