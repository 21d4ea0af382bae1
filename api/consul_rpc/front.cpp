#include "api/consul_rpc/front.hpp"
#include "api/consul_rpc/connection.hpp"
#include "api/consul_rpc/methods.hpp"
#include "runtime/base/log.hpp"
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
constexpr auto write_patience = 10s; // beyond the wait for a leader, which Raft keeps; then the outcome is unknown
constexpr nanos default_wait = 300s, longest_wait = 600s; // Consul's, whatever default_query_time says to its HTTP API

int64_t steady_nanos() { return std::chrono::duration_cast<nanos>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

} // namespace

bool client_counts::enter(const std::string& ip, int limit) {
  std::lock_guard hold(mutex_);
  auto& n = open_[ip];
  if (limit > 0 && n >= limit) return false;
  ++n;
  return true;
}

void client_counts::leave(const std::string& ip) {
  std::lock_guard hold(mutex_);
  auto it = open_.find(ip);
  if (it != open_.end() && --it->second <= 0) open_.erase(it);
}

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
    : loop_(loop), parts_(std::move(parts)),
      self_(net::loop_actor::make(parts_.system, loop, [this](net::loop_actor*) { return handlers(); })),
      env_{parts_.config, self_, parts_.router, parts_.watch, *parts_.status, parts_.autopilot, parts_.cluster},
      local_(std::make_shared<local_desk>()), views_(parts_.store), random_(parts_.seed), read_buffer_(read_buffer_bytes, 0) {
  loop_.at_iteration_end([this] { end_of_iteration(); });
}

front::~front() { shutdown(); }

caf::behavior front::handlers() {
  return {
      [this](proposals_done& m) { applied(m); },
      [this](watch_fired& m) { fired(m); },
      [this](reads_allowed& m) { allowed(m); },
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
  auto it = connections_.find(&c);
  if (it == connections_.end()) return;
  loop_.retire(std::move(it->second));
  connections_.erase(it);
}

void front::give_to_peers(int fd) {
  auto socket = std::make_shared<descriptor>(fd);
  if (parts_.peers) caf::anon_send(parts_.peers, port_connection{std::move(socket)});
}

void front::wants_flush(connection& c) { dirty_.push_back(c.weak_from_this()); }

// Beyond the bound the connection that holds the most goes: one that is honest will come back.
void front::account(connection& c, size_t before, size_t now) {
  held_ = held_ - before + now;
  if (held_ <= parts_.memory || now <= before) return;
  auto most = std::max_element(connections_.begin(), connections_.end(), [](auto& a, auto& b) { return a.second->held() < b.second->held(); });
  auto& largest = most == connections_.end() ? c : *most->second;
  log::warn("agent.server.rpc", "closing the connection that makes us hold the most: from={} bytes={} of={}", largest.peer(), largest.held(), held_);
  largest.doom();
}

void front::shutdown() {
  if (std::exchange(ended_, true)) return;
  while (!connections_.empty()) {
    auto c = connections_.begin()->second;
    c->close();
  }
  for (auto* table : {&reads_, &watches_}) table->clear();
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
  std::vector<uint64_t> late;
  for (auto& [id, w] : writes_)
    if (w.deadline <= now) late.push_back(id);
  for (auto id : late) {
    auto who = std::move(writes_[id].who);
    writes_.erase(id);
    who->fail("timed out waiting for the write to be applied");
  }
}

// All answers of the iteration go out together, all writes as one message, and so do the watches that nobody waits for any more.
void front::end_of_iteration() {
  if (ended_) return;
  for (auto& weak : std::exchange(dirty_, {}))
    if (auto c = weak.lock()) c->flush();
  if (!gathered_.empty()) {
    proposals m;
    m.batch.swap(gathered_);
    m.reply_to = self_.address();
    self_->send(parts_.router, std::move(m));
    if (!std::exchange(sweeping_, true)) take_turn();
  }
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
  c.watch_ = c.waiting_ = 0;
}

// ---- reads -----------------------------------------------------------------------------------------------------

uint64_t front::silence_ms() const {
  const auto heard = parts_.status->leader_heard.load(std::memory_order_relaxed);
  return heard == 0 ? 0 : static_cast<uint64_t>(std::max<int64_t>(0, steady_nanos() - heard)) / 1000000;
}

// A stale read asks nobody, once this server has heard of a leader and has what that leader had then.
bool front::is_current(const rpc::read_options& o) const {
  const auto& s = *parts_.status;
  const bool once_heard = s.leader.load() || s.leader_heard.load() != 0;
  if (o.allow_stale && once_heard && !s.catching_up.load(std::memory_order_relaxed)) return true;
  return s.sees_everything(steady_nanos(), o.require_consistent);
}

void front::read(const std::shared_ptr<call>& c) {
  if (is_current(c->options_)) return look_again(c);
  c->waiting_ = next_++;
  reads_.emplace(c->waiting_, c);
  self_->send(parts_.router, read_wanted{c->waiting_, c->options_.require_consistent, 0, self_.address()});
}

void front::allowed(const reads_allowed& m) {
  for (auto id : m.ids) {
    auto it = reads_.find(id);
    if (it == reads_.end()) continue;
    auto c = std::move(it->second);
    reads_.erase(it);
    c->waiting_ = 0;
    if (m.failure.code != errc::none) c->fail(m.failure.text);
    else look_again(c);
  }
}

nanos front::wait_of(const rpc::read_options& o) {
  const auto wait = o.max_query_time.count() <= 0 ? default_wait : std::min(o.max_query_time, longest_wait);
  return wait + nanos(random_.below(static_cast<uint64_t>(wait.count() / 16) + 1));
}

void front::look_again(const std::shared_ptr<call>& c) {
  auto who = c->asker_.lock();
  if (!who) return abandon(*c);
  if (!who->has_room()) return who->hold(c);
  const auto least = c->options_.min_query_index;
  query_meta meta;
  topics_.clear();
  if (least > 0 && !c->last_) meta.topics = &topics_;
  raft_index seen;
  status done;
  std::string out;
  {
    read_view view = views_.open();
    look at{view, meta, {}, {}, false};
    const auto& s = *parts_.status;
    const bool leads = s.leader.load(std::memory_order_relaxed);
    at.reply.known_leader = leads || s.known_leader.load(std::memory_order_relaxed);
    if (c->options_.allow_stale && !leads) at.reply.last_contact = std::chrono::milliseconds(silence_ms());
    done = c->look_(at, [&] {
      if (at.plain) return meta.topics = nullptr, true;
      meta.index = std::max<uint64_t>(meta.index, 1);
      return meta.topics == nullptr || meta.index > least;
    });
    seen = view.applied_index();
    out = std::move(at.out);
  }
  if (!done) return c->fail(done.err().text);
  if (meta.topics == nullptr || meta.index > least) return c->answer_with(std::move(out));
  if (!c->deadline_)
    c->deadline_ = loop_.call_after(wait_of(c->options_), [this, c] {
      c->deadline_ = 0;
      c->last_ = true;
      forget(*c);
      look_again(c);
    });
  c->watch_ = next_++;
  watches_.emplace(c->watch_, c);
  watch_add m;
  m.id = c->watch_;
  m.topics = topics_;
  m.seen = seen;
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
    look_again(c);
  }
}

// ---- writes ----------------------------------------------------------------------------------------------------

void front::propose(const std::shared_ptr<call>& c, std::string command, applied_fn then) {
  const auto id = next_++;
  writes_.emplace(id, pending_write{c, then, loop_.now() + parts_.config.rpc_hold_timeout + write_patience});
  gathered_.push_back({id, std::move(command)});
}

void front::applied(const proposals_done& m) {
  for (auto& done : m.outcomes) {
    auto it = writes_.find(done.id);
    if (it == writes_.end()) continue; // it had timed out
    auto w = std::move(it->second);
    writes_.erase(it);
    if (w.who->over()) continue;
    if (done.result.failure.code != errc::none) w.who->fail(done.result.failure.text);
    else w.then(*w.who, done.result);
  }
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

void call::read(const rpc::read_options& o, look_fn f) {
  options_ = o;
  look_ = std::move(f);
  front_.read(shared_from_this());
}

void call::propose(std::string command, applied_fn then) { front_.propose(shared_from_this(), std::move(command), then); }

} // namespace actord::consul_rpc
