// Membership and failure detection of one node: SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips,
// Currey 2017) as memberlist 0.2.2 does it (actors/gossip/swim.md). Decides everything, does nothing:
// facts go in as calls, effects come out by drain(). Owned by one thread.
//
// Time is a duration since any start that does not move; each call is told it. The caller calls tick() at next_deadline(),
// which any call may bring nearer. A caller that is later than settings::stall_after was stalled: the core then trusts
// itself less, grants what is outstanding the time that was lost, and asks somebody for the whole state, since refutations
// may have been missed. So it is of no importance whether packets that piled up are handed in before or after the tick.
#pragma once
#include "actors/gossip/core/awareness.hpp"
#include "actors/gossip/core/broadcast_queue.hpp"
#include "actors/gossip/core/effects.hpp"
#include "actors/gossip/core/message_size.hpp"
#include "actors/gossip/core/probe_ring.hpp"
#include "actors/gossip/core/settings.hpp"
#include "actors/gossip/core/waiting_room.hpp"
#include "runtime/base/error.hpp"
#include <deque>
#include <functional>
#include <set>

namespace actord::gossip {

// How urgent a broadcast of the layer above is; serf's intents, queries and events.
enum class urgency : uint8_t { intent, query, event };

// Who we are; announced to all.
struct identity {
  node_name name;
  address at; // where others reach us, for packets and streams alike
  std::string meta; // at most 512 bytes, else others ignore us
  versions vsn{1, 5, 2, 2, 5, 4};
};

constexpr size_t meta_max = 512;
constexpr size_t name_max = 512; // so that any message about a node fits into a packet
constexpr incarnation step_max = 1024; // what is beyond is a leap: nobody misses so many refutations
// Reserved for the own farewell among the tickets of broadcasts.
constexpr uint64_t leave_ticket = ~uint64_t{0};

// Objections of the layer above; a text is a refusal. Called inside of receive() and of the push_pull calls; they must not
// call the core. May be empty.
struct vetoes {
  std::function<std::optional<std::string>(const alive&)> of_alive;
  std::function<std::optional<std::string>(const std::vector<node_report>&)> of_join = {};
  // Not an objection: whether two announcements' meta data say the same, in whatever order. Empty: when their bytes are equal.
  std::function<bool(const std::string&, const std::string&)> say_the_same = {};
};

struct swim_figures { // since the start
  uint64_t probes = 0, probes_failed = 0, suspected = 0, refuted = 0, declared_dead = 0, stalls = 0, missed = 0, refused = 0;
};

class swim_core {
public:
  swim_core(settings s, identity self, vetoes objections, prng random, nanos now);

  // ---- facts ---------------------------------------------------------------------------------------------------
  // A message came in a packet from this address. `user` and `failure` may come from a stream, too.
  void receive(message m, const address& from, nanos now);
  // Somebody sent its state over a stream: the answer is drained at once, then theirs is merged.
  void push_pull_arrived(stream_id id, push_pull theirs, const address& from, nanos now);
  void push_pull_answered(stream_id id, push_pull theirs, nanos now);
  void push_pull_failed(stream_id id, std::string why, nanos now);
  void tcp_ping_ended(sequence seq, bool answered, nanos now);
  // The other host is there and says that nobody listens: that is as good as an answer, and the probe has failed at once.
  void tcp_ping_refused(sequence seq, nanos now);
  // What to answer to a ping over a stream; nothing when it is not for us.
  std::optional<ack> answer_tcp_ping(const ping& p) const;
  // Packets to us were dropped, as more came than were taken: for a while silence proves nothing. To be told before the tick.
  void missed_packets(nanos now);
  void tick(nanos now);
  nanos next_deadline() const;

  // ---- orders --------------------------------------------------------------------------------------------------
  // Exchanges states with whoever is at `to`; tell_push_pull says how it ended.
  stream_id exchange(const address& to, bool join, nanos now);
  // Announces other tags. They are ours at once. Refused beyond 512 bytes.
  status update_meta(std::string meta, nanos now);
  // Announces that we go; tell_left follows when all was sent, or when the patience ends. Everything goes on until then
  // and beyond, so that the news spreads; whoever called stops ticking when it likes.
  void leave(nanos patience, nanos now);
  // Spreads a message of the layer above. With a ticket other than 0 tell_broadcast_done follows.
  void broadcast(urgency u, std::string body, uint64_t ticket, nanos now);
  // One message of the layer above to one address, by packet.
  void send_user(const address& to, const node_name& node, std::string body);
  // What acks carry from now on: the own coordinate.
  void set_ack_payload(std::string payload) { ack_payload_ = std::move(payload); }
  // Bytes that encryption adds to a packet (29), or 0.
  void set_packet_overhead(size_t bytes) { packet_overhead_ = bytes; }
  // How many the layer above counts, for the retransmits of its broadcasts; 0: as many as are in the table.
  void set_user_population(size_t n) { user_population_ = n; }

  // ---- effects -------------------------------------------------------------------------------------------------
  bool has_effects() const { return !effects_.empty(); }
  std::vector<effect> drain() { return std::exchange(effects_, {}); }

  // ---- views ---------------------------------------------------------------------------------------------------
  const identity& self() const { return self_; }
  const member* find(std::string_view name) const { return members_.find(name); }
  const std::vector<member*>& members() const { return members_.all(); }
  int health_score() const { return awareness_.score(); } // 0 is healthy
  bool is_leaving() const { return leaving_; }
  size_t waiting() const { return strangers_.size(); }
  size_t proven() const { return members_.proven(); } // members that have answered us
  size_t queued() const { return about_self_.size() + about_members_.size(); }
  size_t queued(urgency u) const { return from_above_[static_cast<size_t>(u)].size(); }
  const swim_figures& figures() const { return figures_; }
  const settings& knobs() const { return settings_; }

private:
  struct probe {
    sequence seq = 0;
    node_name node;
    address at;
    incarnation inc = 0;
    bool takes_streams = false;
    nanos sent{0}, ask_others{0}, deadline{0};
    bool asked_others = false, stalled = false;
    int nacks_due = 0, nacks = 0;
  };
  struct relay { // a ping on behalf of somebody else
    sequence seq = 0, theirs = 0;
    address to;
    bool nack = false, answered = false;
    nanos deadline{0};
  };
  struct exchange_under_way {
    address with;
    bool join = false;
  };

  struct sentence { // somebody says by packet that a member is gone, or we are about to; it may object
    dead what;
    sequence seq = 0; // of its pings, by packet and by stream
    nanos began{0}, deadline{0}, next_ask{0}, stream_at{0}; // the last: when it is asked by stream, too
    bool is_told = true; // others know
    size_t confirmed = 0; // by how many, if it is not told
    bool is_asked = false, is_stretched = false; // by stream; given more time
    bool on_stream = false; // such a question is under way
    int refusals = 0; // by its host: nobody listens there
    stream_id exchange = 0; // by which it is asked, if so
  };

  // swim_core.cpp: time, dispatch, orders
  void pass(nanos now);
  void after_stall(nanos lag);
  bool is_due(nanos& timer, nanos interval);
  void handle(ping& m, const address& from);
  void handle(indirect_ping& m, const address& from);
  void handle(ack& m, const address& from);
  void handle(nack& m, const address& from);
  void handle(suspect& m, const address& from);
  void handle(dead& m, const address& from);
  void handle(alive& m, const address& from);
  void handle(user& m, const address& from);
  void handle(failure& m, const address& from);
  void log(importance level, std::string text) { effects_.push_back(write_log{level, std::move(text)}); }
  nanos stagger(nanos interval) { return nanos(static_cast<int64_t>(random_.below(static_cast<uint64_t>(interval.count())))); }
  size_t user_population() const { return user_population_ > 0 ? user_population_ : members_.size(); }
  void settle(const std::vector<uint64_t>& tickets, bool sent);

  // swim_probe.cpp: failure detection
  void probe_tick();
  void begin_next_probe();
  void begin_probe(member& m);
  void serve_probe();
  void ask_others();
  void end_probe(bool answered, bool host_spoke = false);
  void serve_relays();
  void send_with_piggyback(const address& to, const node_name& node, message m);
  sequence next_sequence() { return ++sequence_; }

  // swim_doubt.cpp: what packets claim is checked
  bool must_answer(const alive& a) const;
  void hear_of_stranger(alive a, const address& from);
  void ask_strangers();
  bool must_wait(const alive& a);
  void ask_for_proof();
  bool gave_proof(sequence seq, const address& from);
  size_t unproven() const { return members_.size() - members_.proven(); }
  bool stranger_answered(sequence seq, const address& from);
  bool leaps_again(const alive& a);
  void hear_of_death(const dead& d);
  void hear_accused();
  bool accused_answered(sequence seq, const address& from);
  enum class stream_answer : uint8_t { yes, none, refused };
  void accused_answered_stream(sequence seq, stream_answer a);
  void accused_answered_exchange(stream_id id, const push_pull* theirs);
  void ask(const member& m, sentence& s);
  void ask_by_stream(const member& m, sentence& s);
  bool gets_more_time(const member& m, sentence& s);
  void hear_suspect(member& m);
  void execute(const node_name& name);
  bool may_have_missed(nanos since) const { return missed_at_ >= since; }
  // How long who is said to be dead may object.
  nanos last_word() const { return std::min(2 * settings_.probe_timeout, settings_.probe_interval); }
  nanos ask_pause() const { return std::max(settings_.probe_timeout / 3, nanos(std::chrono::milliseconds(1))); }
  // When a suspicion is looked at for good.
  nanos end_of(const suspicion& s) const { return settings_.checks_claims ? s.deadline() - last_word() : s.deadline(); }
  bool seems_alive(const member& m) const;
  void acquit(member& m);

  // swim_members.cpp: who is in which state
  void announce_self();
  void raise_incarnation(incarnation above);
  void on_alive(alive a, bool own_announcement, bool has_answered = false);
  member* admit(const alive& a, bool& moved);
  bool refuses(const alive& a);
  void on_suspect(const suspect& s);
  void on_dead(const dead& d, bool is_told = false);
  void refute(member& self, incarnation accused, std::string_view what, const node_name& accuser);
  void forget_suspicion(member& m);
  void serve_suspicions();
  void declare_dead(const dead& verdict, size_t confirmed);
  void change_state(member& m, node_state to);
  void tell(member_change change, const member& m) { effects_.push_back(tell_member{change, m.report()}); }
  void spread(message m, const node_name& subject, uint64_t ticket = 0);
  bool is_self(const node_name& name) const { return name == self_.name; }
  bool is_sound(const node_name& name, incarnation inc) const;
  bool remembers_us_far_ahead(const node_report& r);
  alive own_alive(incarnation inc) const;

  // swim_spread.cpp: gossip and push/pull
  bool has_news() const;
  void gossip_round();
  void fill(std::vector<message>& out, size_t budget);
  push_pull state_of_all(bool join) const;
  void push_pull_round();
  void set_right(const push_pull& theirs, const address& with);
  std::string merge(const push_pull& theirs, bool asked);
  std::string check_versions(const std::vector<node_report>& theirs) const;

  settings settings_;
  identity self_;
  vetoes vetoes_;
  prng random_;
  nanos now_;
  awareness awareness_;
  member_table members_;
  probe_ring ring_;
  incarnation own_inc_ = 0;
  bool leaving_ = false, left_told_ = false;
  bool has_met_ = false; // somebody else, whom we asked for the state
  bool asked_for_ = false, first_answer_ = false; // what is merged just now
  size_t room_to_wait_ = waiting_room::capacity;  // for who is in it: the rest is not looked at
  nanos leave_until_{0};

  sequence sequence_ = 0;
  std::optional<probe> probe_;
  bool probe_due_ = false; // its time came while another was under way
  std::deque<relay> relays_; // by deadline
  std::set<std::pair<nanos, node_name>> suspicions_; // by end_of()

  std::map<node_name, sentence> sentences_; // of members only
  nanos hearing_{nanos::max()}; // when to look at them next, or earlier
  nanos stalled_until_{nanos::min()};
  nanos missed_at_{nanos::min()}, distrusted_at_{nanos::min()}; // when packets were last dropped, and held against ourselves
  allowance leaps_{16, 1.0 / 60}; // by which we may be accused of an incarnation far beyond our own
  waiting_room strangers_{4};
  std::map<sequence, node_name> proofs_; // asked for since the last probe
  size_t next_proof_ = 0;                // place in the table

  broadcast_queue about_self_, about_members_; // what is said of us goes first, however much there is to tell of others
  broadcast_queue from_above_[3]; // by urgency
  size_t user_population_ = 0, packet_overhead_ = 0;
  std::string ack_payload_;

  nanos next_probe_, next_gossip_, next_push_pull_;
  nanos catch_up_from_{0}; // the earliest time for the next push/pull out of turn
  stream_id last_stream_ = 0;
  std::map<stream_id, exchange_under_way> exchanges_;
  std::vector<effect> effects_;
  swim_figures figures_;
};

} // namespace actord::gossip
