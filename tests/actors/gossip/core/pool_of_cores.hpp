// A whole pool in virtual time: cores with a network between them that delays packets and streams, and from which nodes vanish.
#pragma once
#include "tests/actors/gossip/core/swim_fixture.hpp"
#include <functional>
#include <map>
#include <memory>

namespace actord::gossip {

class pool_of_cores {
public:
  explicit pool_of_cores(uint64_t seed, settings s = settings::consul_lan()) : random_(seed), settings_(s) {}

  nanos now() const { return now_; }
  prng& random() { return random_; }
  double loss = 0; // of packets

  swim_core& start(const node_name& name, uint8_t last, vetoes v = {}) {
    auto& n = nodes_[place(last).ip];
    n = std::make_shared<node>(node{swim_core(settings_, {name, place(last), "id=" + name, usual}, std::move(v), prng(random_()), now_), place(last)});
    return n->core;
  }
  // Without a word, as by SIGKILL.
  void kill(uint8_t last) { nodes_.erase(place(last).ip); }
  swim_core& at(uint8_t last) { return nodes_.at(place(last).ip)->core; }
  void join(uint8_t who, uint8_t with) {
    at(who).exchange(place(with), true, now_);
    perform(*nodes_.at(place(who).ip));
  }
  // Until the test is satisfied; false when it is not within this time.
  bool run(nanos most, const std::function<bool()>& done) {
    const nanos until = now_ + most;
    while (!done()) {
      nanos next = until;
      for (auto& [ip, n] : nodes_) next = std::min(next, n->core.next_deadline());
      if (!due_.empty()) next = std::min(next, due_.begin()->first);
      if (next >= until) {
        now_ = until;
        return done();
      }
      now_ = std::max(now_, next);
      while (!due_.empty() && due_.begin()->first <= now_) {
        const auto what = std::move(due_.extract(due_.begin()).mapped());
        what();
      }
      const auto all = nodes_;
      for (const auto& [ip, n] : all) {
        if (n->core.next_deadline() > now_) continue;
        n->core.tick(now_);
        perform(*n);
      }
    }
    return true;
  }

private:
  struct node {
    swim_core core;
    address at;
  };
  using node_ptr = std::shared_ptr<node>;

  nanos delay() { return std::chrono::microseconds(50) + std::chrono::microseconds(random_.below(2000)); }
  // Does it there later, when somebody lives there.
  void later(const address& to, nanos by, std::function<void(node&)> what, std::function<void()> refused = {}) {
    due_.emplace(now_ + by, [this, to, what = std::move(what), refused = std::move(refused)] {
      const auto it = nodes_.find(to.ip);
      if (it == nodes_.end()) {
        if (refused) refused();
        return;
      }
      const node_ptr n = it->second;
      what(*n);
      perform(*n);
    });
  }
  // An answer for the very process that asked: a successor at its address does not get it.
  void back(const node_ptr& to, std::function<void(node&)> what) {
    later(to->at, delay(), [to, what = std::move(what)](node& n) {
      if (&n == to.get()) what(n);
    });
  }
  void perform(node& n) {
    const node_ptr self = nodes_.at(n.at.ip);
    for (bool more = true; more;) {
      auto effects = n.core.drain();
      for (auto& e : effects) std::visit([&](auto& x) { on(self, x); }, e);
      more = !effects.empty();
    }
  }
  void on(const node_ptr& from, send_packet& p) {
    if (random_.chance(loss)) return;
    later(p.to, delay(), [this, at = from->at, all = std::move(p.messages)](node& n) {
      for (const auto& m : all) n.core.receive(m, at, now_);
    });
  }
  void on(const node_ptr& from, open_push_pull& x) {
    const auto number = ++last_stream_;
    streams_[number] = {from, x.id};
    later(x.to, delay(), [this, number, at = from->at, state = std::move(x.state)](node& n) { n.core.push_pull_arrived(number, state, at, now_); },
          [this, from, id = x.id] { back(from, [this, id](node& n) { n.core.push_pull_failed(id, "refused", now_); }); });
  }
  void on(const node_ptr&, answer_push_pull& x) {
    const auto [asker, id] = streams_.at(x.id);
    streams_.erase(x.id);
    back(asker, [this, id = id, state = std::move(x.state)](node& n) { n.core.push_pull_answered(id, state, now_); });
  }
  void on(const node_ptr& from, send_tcp_ping& x) {
    const auto seq = x.what.seq;
    later(x.to, delay(), [this, from, what = x.what](node& n) {
      const bool answers = n.core.answer_tcp_ping(what).has_value();
      back(from, [this, seq = what.seq, answers](node& asker) { asker.core.tcp_ping_ended(seq, answers, now_); });
    }, [this, from, seq] { back(from, [this, seq](node& asker) { asker.core.tcp_ping_refused(seq, now_); }); });
  }
  template <class E> void on(const node_ptr&, E&) {}

  nanos now_ = std::chrono::seconds(1000);
  prng random_;
  settings settings_;
  std::map<std::string, node_ptr> nodes_;
  std::multimap<nanos, std::function<void()>> due_;
  std::map<stream_id, std::pair<node_ptr, stream_id>> streams_;
  stream_id last_stream_ = 0;
};

} // namespace actord::gossip
