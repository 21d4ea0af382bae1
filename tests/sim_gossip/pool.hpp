// One gossip pool in one thread, from one seed: N swim cores, virtual time in microseconds, a network that delays and
// loses, streams on top of it, sockets that overflow, and processes that crash, stall, join and leave. What each node
// believes is checked against what is true.
#pragma once
#include "actors/gossip/core/swim_core.hpp"
#include "tests/support/virtual_network.hpp"
#include "tests/support/virtual_time.hpp"
#include <memory>

namespace actord::sim_gossip {

struct pool_options {
  uint64_t seed = 1;
  size_t nodes = 100;
  gossip::settings knobs = gossip::settings::lan();
  double loss = 0;
  size_t socket_packets = 250; // what a socket holds while its process does not run
};

enum class happening : uint8_t { tick, packet, state_request, state_reply, ping_request, ping_reply, time_out, wake };

struct event {
  happening kind = happening::tick;
  uint32_t node = 0, from = 0;
  uint64_t number = 0; // the stream, the ping's number, or the tick's time
  std::vector<gossip::message> messages;
  std::shared_ptr<const gossip::push_pull> state;
};

struct node {
  std::unique_ptr<gossip::swim_core> core; // null while down
  uint64_t tick_at = 0;                    // the tick that counts; 0: none scheduled
  bool stalled = false, ever_stalled = false, crashed = false, left = false;
  std::vector<event> backlog; // arrived while stalled
};

// Who ceased, when, and when the others noticed.
struct departure {
  uint32_t who = 0;
  uint64_t at = 0, first = 0, all = 0; // microseconds; 0: not yet
  bool on_purpose = false;
  std::vector<uint32_t> waiting; // healthy nodes that have not noticed
};

struct pool_counts {
  uint64_t packets = 0, lost_to_full_sockets = 0, streams = 0, stalls = 0;
  uint64_t false_deaths = 0;            // believed by anybody about one that neither crashed nor ever stalled
  uint64_t false_deaths_by_healthy = 0; // of these, by such as never stalled themselves
  uint64_t false_departures = 0;        // "left on purpose" of one that did not
  uint64_t trace = 14695981039346656037ull;
};

class pool {
public:
  explicit pool(const pool_options& o);

  // ---- what happens --------------------------------------------------------------------------------------------
  void run_for(nanos d);
  // Until it holds (looked at every 10 ms) or the time is over; whether it holds.
  template <class Condition> bool run_until(nanos at_most, Condition holds) {
    for (const uint64_t end = time_.now() + micro(at_most); time_.now() < end;) {
      if (holds()) return true;
      run_for(std::chrono::milliseconds(10));
    }
    return holds();
  }
  void start(uint32_t n);                  // a process that knows nobody
  void join(uint32_t n, uint32_t through); // exchanges states with somebody
  void crash(uint32_t n);
  void leave(uint32_t n);
  void stall(uint32_t n, nanos d);
  void tag(uint32_t n, std::string meta);
  void cut(uint32_t a, uint32_t b);  // both ways
  void mend(uint32_t a, uint32_t b);
  // All nodes know one another, and nobody has anything left to say about it.
  void acquaint_all();

  // ---- what is true and what is believed -----------------------------------------------------------------------
  nanos now() const { return nanos(time_.now() * 1000); }
  const node& at(uint32_t n) const { return nodes_[n]; }
  gossip::swim_core& core(uint32_t n) { return *nodes_[n].core; }
  size_t size() const { return nodes_.size(); }
  const std::vector<departure>& departures() const { return departures_; }
  bool all_departures_noticed() const;
  bool is_quiet() const; // no news in any queue
  // How many nodes that are up see `who` in this state.
  size_t count_seeing(uint32_t who, gossip::node_state state) const;
  size_t up() const;
  const pool_counts& counts() const { return counts_; }
  prng& random() { return random_; }
  static std::string name_of(uint32_t n) { return "n" + std::to_string(n); }

private:
  static uint64_t micro(nanos d) { return static_cast<uint64_t>(d.count()) / 1000; }
  static gossip::address address_of(uint32_t n);
  static uint32_t index_of(const gossip::address& a);
  static uint32_t index_of(const std::string& name) { return static_cast<uint32_t>(std::stoul(name.substr(1))); }
  void handle(event& e);
  void act(event& e);
  void perform_effects(uint32_t n);
  void arm(uint32_t n);
  void send(uint32_t from, const gossip::address& to, event e);
  void open_stream(uint32_t from, uint32_t to, event e, uint64_t time_out);
  bool stream_hop(uint32_t from, uint32_t to, uint64_t retry, uint64_t& delay);
  void believe(uint32_t observer, const gossip::tell_member& told);
  void depart(uint32_t n, bool on_purpose);
  bool is_healthy(uint32_t n) const { return nodes_[n].core && !nodes_[n].ever_stalled && !nodes_[n].left; }

  pool_options options_;
  prng random_;
  test::virtual_time<event> time_;
  test::virtual_network network_;
  std::vector<node> nodes_;
  std::vector<departure> departures_;
  std::vector<size_t> departure_of_; // index + 1
  std::map<uint64_t, std::pair<uint32_t, uint64_t>> inbound_; // streams being answered: who asked, under which number
  uint64_t last_inbound_ = 0;
  pool_counts counts_;
};

} // namespace actord::sim_gossip
