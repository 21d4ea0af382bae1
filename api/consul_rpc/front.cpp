#include "api/consul_rpc/front.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "api/consul_rpc/connection.hpp"
#include "api/consul_rpc/methods.hpp"
#include "api/http/core/laborious.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/net/heaviest.hpp"
#include "runtime/net/household.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <algorithm>
#include <caf/behavior.hpp>
#include <caf/send.hpp>
#include <limits>
#include <unistd.h>

namespace actord::consul_rpc {

namespace {

using namespace std::chrono_literals;
constexpr size_t read_buffer_bytes = 64 << 10;
constexpr nanos default_wait = 300s, longest_wait = 600s; // Consul's, whatever default_query_time says to its HTTP API

} // namespace

// Calls of this process: an answer is that of a request.
struct front::local_desk final : asker {
  std::unordered_map<uint64_t, caf::response_promise> promises;
  void answered(uint64_t ticket, answer a) override {
    auto it = promises.find(ticket);
    if (it == promises.end()) return;
    rpc_answer out;
    if (a.failure.empty()) out.body = std::move(a.body);
    else out.failure = {a.failure == "No cluster leader" ? errc::no_leader : errc::internal, std::move(a.failure)};
    it->second.deliver(std::move(out));
    promises.erase(it);
  }
};

front::front(net::io_loop& loop, front_parts parts)
    : loop_(loop), turns_(loop, true), parts_(std::move(parts)),
      self_(net::loop_actor::make(parts_.system, loop, [this](net::loop_actor*) { return handlers(); })),
      env_{parts_.config, self_, parts_.router, *parts_.status, parts_.autopilot, parts_.cluster},
      local_(std::make_shared<local_desk>()), views_(parts_.store), random_(parts_.seed), read_buffer_(read_buffer_bytes, 0),
      currency_(self_, parts_.router), due_(loop, [this](const std::shared_ptr<call>& c) { if (!c->over_) look_again(c); }),
      writes_(self_, {parts_.router, {}}, parts_.config.rpc_hold_timeout, [](pending_write& w, const apply_result& r) {
        if (w.who->over()) return;
        if (r.failure.code != errc::none) w.who->fail(r.failure.text);
        else w.then(*w.who, r);
      }, [](pending_write& w) { return !w.who->over(); }) {
  loop_.at_iteration_end([this] { end_of_iteration(); });
}

front::~front() { shutdown(); }

caf::behavior front::handlers() {
  return {
      [this](proposals_done& m) { writes_.applied(m); },
      [this](watch_fired& m) { fired(m); },
      [this](reads_allowed& m) {
        currency_.allowed(m);
        due_.begin();
      },
      [this](rpc_call& m) -> caf::result<rpc_answer> {
        const auto ticket = next_++;
        local_->promises.emplace(ticket, self_->make_response_promise());
        run(begin(local_, ticket, std::move(m.method), std::move(m.arguments)));
        return caf::delegated<rpc_answer>{};
      },
  };
}

// ---- connections -----------------------------------------------------------------------------------------------

void front::accept(int fd, std::string peer) {
  if (ended_ || !parts_.clients->enter(peer, parts_.config.rpc_max_conns_per_client)) {
    ::close(fd);
    return;
  }
  static auto& accepted = telemetry::counter("rpc.accept_conn");
  accepted.add();
  auto c = std::make_shared<connection>(*this, fd, std::move(peer));
  connections_.emplace(c.get(), c);
  if (!c->open()) return c->close();
  if (!std::exchange(sweeping_, true)) take_turn();
}

void front::closed(connection& c) {
  parts_.clients->leave(c.peer());
  let_go(c);
}

void front::let_go(connection& c) {
  auto it = connections_.find(&c);
  if (it == connections_.end()) return;
  loop_.retire(std::move(it->second));
  connections_.erase(it);
}

// It counts as its client's until it was taken. A few at a time: the peers actor shares its thread with Raft's messages, and looks at none of them
// before it has taken all that it was handed.
void front::give_to_peers(connection& c, int fd) {
  constexpr size_t most_waiting = 256;
  to_peers_.push_back({c.peer(), fd});
  let_go(c);
  if (!handing_over_) hand_over_some();
  if (to_peers_.size() <= most_waiting) return;
  std::vector<net::holding> holdings;
  for (auto& s : to_peers_) holdings.push_back({net::household_of(s.peer), 1});
  for (const auto place : net::heaviest(holdings, most_waiting / 8)) {
    auto& goes = to_peers_[place];
    ::close(std::exchange(goes.fd, -1));
    parts_.clients->leave(goes.peer);
  }
  std::erase_if(to_peers_, [](auto& s) { return s.fd < 0; });
}

void front::hand_over_some() {
  constexpr size_t at_once = 8;
  handing_over_ = true;
  loop_.call_after(5ms, [this] {
    handing_over_ = false;
    if (!to_peers_.empty() && !ended_) hand_over_some();
  });
  for (; !to_peers_.empty() && *untaken_ < at_once; to_peers_.pop_front()) {
    ++*untaken_;
    auto& next = to_peers_.front();
    auto socket = hand_over(next.fd, [untaken = untaken_, clients = parts_.clients, peer = next.peer] {
      --*untaken;
      clients->leave(peer);
    });
    if (parts_.peers) caf::anon_send(parts_.peers, port_connection{std::move(socket)});
  }
}

void front::wants_flush(connection& c) { dirty_.push_back(c.weak_from_this()); }

// Who is honest will come back. So many at once that it is a while until we look again.
void front::bound_held() {
  std::vector<std::shared_ptr<connection>> all;
  std::vector<net::holding> holdings;
  for (auto& [raw, c] : connections_) {
    all.push_back(c);
    holdings.push_back({net::household_of(c->peer()), c->held()});
  }
  for (const auto place : net::heaviest(holdings, held_ - parts_.memory / 8 * 7)) {
    auto& goes = *all[place];
    log::warn("agent.server.rpc", "closing a connection of the address that makes us hold the most: from={} bytes={} of={}", goes.peer(), goes.held(), held_);
    goes.close();
  }
}

void front::shutdown() {
  if (std::exchange(ended_, true)) return;
  while (!connections_.empty()) {
    auto c = connections_.begin()->second;
    c->close();
  }
  for (auto& s : std::exchange(to_peers_, {})) ::close(s.fd);
  for (auto* table : {&reads_, &watches_}) table->clear();
  currency_.clear();
  due_.clear();
  writes_.clear();
  self_->quit_loop();
}

// Once a second while there is anything to watch over.
void front::take_turn() {
  loop_.call_after(1s, [this] {
    if (ended_) return;
    sweep();
    sweeping_ = !connections_.empty() || !writes_.empty();
    if (sweeping_) take_turn();
  });
}

void front::sweep() {
  const auto now = loop_.now();
  std::vector<std::shared_ptr<connection>> all;
  all.reserve(connections_.size());
  for (auto& [raw, c] : connections_) all.push_back(c);
  for (auto& c : all) c->tick(now);
  writes_.expire();
}

// All answers of the iteration go out together, all writes as one message, and so do the watches that nobody waits for any more.
void front::end_of_iteration() {
  if (ended_) return;
  for (auto& weak : std::exchange(dirty_, {}))
    if (auto c = weak.lock()) c->flush();
  if (held_ > parts_.memory) bound_held();
  writes_.send();
  if (!writes_.empty() && !std::exchange(sweeping_, true)) take_turn();
  if (!unwatched_.empty()) {
    watch_remove m;
    m.ids.swap(unwatched_);
    m.sink = self_.address();
    self_->send(parts_.watch, std::move(m));
  }
}

// ---- calls -----------------------------------------------------------------------------------------------------

std::shared_ptr<call> front::begin(std::weak_ptr<asker> who, uint64_t ticket, std::string name, std::string arguments) {
  return std::make_shared<call>(*this, env_, std::move(who), ticket, std::move(name), std::move(arguments));
}

void front::run(const std::shared_ptr<call>& c) {
  if (auto* m = find_method(c->method)) return m->run(*c);
  c->malformed(unknown_method(c->method));
}

void front::resume(const std::shared_ptr<call>& c) {
  if (c->over_) return;
  if (c->look_) look_again(c);
  else run(c);
}

void front::abandon(call& c) {
  forget(c);
  c.over_ = true;
}

void front::forget(call& c) {
  if (c.deadline_) loop_.cancel(std::exchange(c.deadline_, 0));
  auto keep = c.weak_from_this().lock();
  if (c.watch_ && watches_.erase(c.watch_) > 0) unwatched_.push_back(c.watch_);
  if (c.waiting_) reads_.erase(c.waiting_);
  if (c.asked_) currency_.drop(c.asked_);
  c.watch_ = c.waiting_ = c.asked_ = 0;
}

// ---- reads -----------------------------------------------------------------------------------------------------

void front::read(const std::shared_ptr<call>& c) {
  const auto wanted = dispatch::freshness_of(c->options_);
  if (dispatch::is_current(*parts_.status, wanted, dispatch::steady_nanos())) return look_again(c);
  c->asked_ = currency_.add(wanted, [this, c](const error& failure) {
    c->asked_ = 0;
    if (failure.code != errc::none) c->fail(failure.text);
    else due_.put(c);
  });
}

nanos front::wait_of(const rpc::read_options& o) {
  const auto wait = o.max_query_time.count() <= 0 ? default_wait : std::min(o.max_query_time, longest_wait);
  return wait + nanos(random_.below(static_cast<uint64_t>(wait.count() / 16) + 1));
}

struct front::glance {
  status done;
  std::string out;
  bool complete = false; // `out` is the answer
  bool too_long = false;
  std::vector<topic> topics;
  raft_index seen;
  nanos time{0};
};

namespace {
uint64_t what_takes(std::string_view method, uint64_t subject) { return method == "KVS.Get" ? 0 : text_hash{}(method) ^ subject; }
} // namespace

front::glance front::take_look(const call& c, reader& views, bool watch, uint64_t what, bool bounded) const {
  const auto began = what != 0 ? net::io_loop::clock::now() : net::io_loop::clock::time_point{};
  glance g;
  query_meta meta;
  if (watch) meta.topics = &g.topics;
  read_view view = views.open();
  look at{view, meta, dispatch::meta_of(*parts_.status, c.options_.allow_stale, dispatch::steady_nanos()), {}};
  const auto least = c.options_.min_query_index;
  bounded_read bound(bounded && what != 0);
  g.done = c.look_(at, [&] {
    if (bound.gave_up()) return false;
    meta.index = std::max<uint64_t>(meta.index, 1);
    return meta.topics == nullptr || meta.index > least;
  });
  g.too_long = bound.gave_up();
  g.complete = meta.topics == nullptr || meta.index > least;
  g.seen = view.applied_index();
  if (view.failed()) g.done = view.failure();
  g.out = std::move(at.out);
  if (what != 0) g.time = net::io_loop::clock::now() - began;
  return g;
}

void front::look_again(const std::shared_ptr<call>& c) {
  auto who = c->asker_.lock();
  if (!who) return abandon(*c);
  const bool watch = c->options_.min_query_index > 0 && !c->last_;
  const uint64_t what = parts_.elsewhere ? what_takes(c->method, c->subject_) : 0;
  const bool is_long = long_ones_.takes_long(what) || (what != 0 && is_laborious(c->options_.filter));
  if (!who->has_room(is_long)) return who->hold(c, is_long);
  if (is_long && look_elsewhere(c, watch, what)) return;
  auto found = take_look(*c, views_, watch, what, true);
  if (found.too_long) {
    long_ones_.took(what, nanos::max());
    if (!who->has_room(true)) return who->hold(c, true);
    if (look_elsewhere(c, watch, what)) return;
    found = take_look(*c, views_, watch, what, false);
  }
  looked(c, what, std::move(found));
}

// Among those who wait meanwhile, under a number: what comes back for one that is not there any more is dropped.
bool front::look_elsewhere(const std::shared_ptr<call>& c, bool watch, uint64_t what) {
  const auto id = next_++;
  const auto who = c->asker_.lock();
  const bool begun = parts_.elsewhere->submit(who ? who->household() : 0, [this, c, watch, what, id](reader& views) {
    if (c->asker_.expired()) return; // nobody waits for it any more
    auto found = std::make_shared<glance>(take_look(*c, views, watch, what, false));
    loop_.post([this, id, what, found, from = c->asker_] {
      if (const auto still_there = from.lock()) still_there->looks_elsewhere(false);
      auto it = reads_.find(id);
      if (it == reads_.end()) return;
      auto waiting = std::move(it->second);
      reads_.erase(it);
      waiting->waiting_ = 0;
      looked(waiting, what, std::move(*found));
    });
  }, long_ones_.expected(what));
  if (!begun) return false;
  if (who) who->looks_elsewhere(true);
  c->waiting_ = id;
  reads_.emplace(id, c);
  return true;
}

void front::looked(const std::shared_ptr<call>& c, uint64_t what, glance found) {
  long_ones_.took(what, found.time);
  if (!found.done) return c->fail(found.done.err().text);
  if (found.complete) return c->answer_with(std::move(found.out));
  if (!c->deadline_)
    c->deadline_ = loop_.call_after(wait_of(c->options_), [this, c] {
      c->deadline_ = 0;
      c->last_ = true;
      forget(*c);
      due_.put(c);
      due_.begin();
    });
  c->watch_ = next_++;
  watches_.emplace(c->watch_, c);
  watch_add m;
  m.id = c->watch_;
  m.topics = std::move(found.topics);
  m.seen = found.seen;
  m.sink = self_.address();
  self_->send(parts_.watch, std::move(m));
}

void front::fired(const watch_fired& m) {
  for (auto id : m.ids) {
    auto it = watches_.find(id);
    if (it == watches_.end()) continue;
    auto c = std::move(it->second);
    watches_.erase(it);
    c->watch_ = 0;
    due_.put(std::move(c));
  }
  due_.begin();
}

// ---- writes ----------------------------------------------------------------------------------------------------

void front::propose(const std::shared_ptr<call>& c, std::string command, applied_fn then) {
  writes_.propose(std::move(command), {c, then}, [&c] {
    const auto who = c->asker_.lock();
    return who ? who->household() : 0;
  });
}

// ---- call ------------------------------------------------------------------------------------------------------

void call::finish(answer a) {
  if (over_) return;
  auto keep = shared_from_this();
  front_.abandon(*this);
  if (auto who = asker_.lock()) who->answered(ticket_, std::move(a));
}

void call::answer_with(std::string body) { finish({{}, std::move(body)}); }
void call::fail(std::string text) { finish({std::move(text), {}}); }
void call::malformed(std::string text) { finish({std::move(text), {}, true}); }

void call::read(const rpc::read_options& o, look_fn f, uint64_t subject) {
  options_ = o;
  subject_ = subject;
  look_ = std::move(f);
  front_.read(shared_from_this());
}

void call::propose(std::string command, applied_fn then) { front_.propose(shared_from_this(), std::move(command), then); }

} // namespace actord::consul_rpc
