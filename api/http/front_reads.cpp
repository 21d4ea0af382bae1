// The front's reads: whether the state here may answer, one answer for equal questions, and waiting for changes.
#include "api/http/core/laborious.hpp"
#include "api/http/core/uri.hpp"
#include "api/http/front.hpp"
#include <algorithm>
#include <limits>

namespace actord::http {

namespace {
constexpr size_t long_query = 2048; // takes longer to take apart than others should wait

std::string_view consistency_text(consistency m) {
  return m == consistency::stale ? "stale" : m == consistency::consistent ? "consistent" : "leader";
}
} // namespace

meta_headers front::meta_of(const query_kind& k, const query_options& o, uint64_t index) const {
  meta_headers m;
  m.present = !k.plain;
  m.index = index;
  const auto& status = *parts_.status;
  m.known_leader = status.known_leader.load(std::memory_order_relaxed) || status.leader.load(std::memory_order_relaxed);
  if (o.mode == consistency::stale && !status.leader.load(std::memory_order_relaxed)) m.last_contact_ms = silence();
  if (k.send_consistency) m.consistency = consistency_text(o.mode);
  return m;
}

namespace {
int64_t steady_nanos() { return std::chrono::duration_cast<nanos>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
} // namespace

// Milliseconds since a leader was heard of.
uint64_t front::silence() const {
  const auto heard = parts_.status->leader_heard.load(std::memory_order_relaxed);
  return heard == 0 ? 0 : static_cast<uint64_t>(std::max<int64_t>(0, steady_nanos() - heard)) / 1000000;
}

bool front::check_options(const query_options& o, const query_kind& k, response& out) {
  std::string_view refusal;
  if (!o.datacenter.empty() && o.datacenter != parts_.rules->config.datacenter) refusal = "No path to datacenter";
  else if (o.mode == consistency::stale && parts_.status->catching_up.load(std::memory_order_relaxed)) refusal = "this server has not caught up with the leader since it started";
  if (refusal.empty()) return true;
  refuse(k, refusal, out);
  return false;
}

void front::refuse(const query_kind& k, std::string_view why, response& out) {
  out.text(500, why);
  if (!k.meta_on_error) return;
  out.meta.present = true;
  out.meta.known_leader = false;
}

// What a view that failed shows is no answer: neither an empty list nor a change.
void front::refuse_unread(const query_kind& k, const error& why, response& out) {
  out.clear();
  refuse(k, why.text, out);
}

// Does the state here show all that was acknowledged? A leader knows while its lease lasts; ?stale does not ask, unless
// it bounds how old the state may be, and ?at_least asks only for what it names.
bool front::is_current(const query_options& o) const {
  const auto& status = *parts_.status;
  if (o.at_least > status.applied.load(std::memory_order_acquire)) return false;
  if (o.at_least > 0 && o.mode == consistency::leader) return true;
  if (o.mode == consistency::stale && (o.max_stale.count() == 0 || nanos(std::chrono::milliseconds(silence())) <= o.max_stale)) return true;
  return status.sees_everything(steady_nanos(), o.mode == consistency::consistent);
}

// The read is carried out once Raft says that it sees everything.
void front::wait_until_current(exchange& x, connection& c, const query_kind& k, const query_options& o) {
  c.set_busy();
  x.out.answered = true;
  const uint64_t id = next_read_++;
  reads_.emplace(id, pending_read{c.weak_from_this(), c.serial(), x.req.path, std::string(x.req.raw_query), matched_prefix_, k});
  self_->send(parts_.router, read_wanted{id, o.mode == consistency::consistent, o.at_least, self_.address()});
}

void front::allowed(reads_allowed& m) {
  for (auto id : m.ids) {
    auto it = reads_.find(id);
    if (it == reads_.end()) continue;
    it->second.failure = m.failure;
    allowed_.put(std::move(it->second));
    reads_.erase(it);
  }
  allowed_.begin();
}

void front::read_allowed(const pending_read& p) {
  auto c = ended_ ? nullptr : still_waiting(p.who, p.serial);
  if (!c) return;
  response_.clear();
  request q;
  q.path = p.path;
  q.raw_query = p.raw_query;
  q.tail = std::string_view(q.path).substr(std::min(p.prefix, q.path.size()));
  parse_query(q.raw_query, q.params, q.arena);
  matched_prefix_ = p.prefix;
  exchange x(q, env_, response_, *c);
  query_options o;
  if (p.failure.code != errc::none) refuse(p.kind, p.failure.text, response_);
  else if (parse_query_options(q, o, response_)) answer_from_state(x, *c, p.kind, o);
  if (c->is_open() && !c->group && !response_.answered) c->send(response_);
  c->close_if_left();
}

// Path and parameters, without what changes neither the answer nor what it waits for.
void front::make_key(const request& r) {
  static constexpr std::string_view left_out[] = {"index", "wait",  "pretty", "token",    "stale", "consistent",
                                                  "leader", "cached", "max_stale", "dc", "at_least"};
  key_.assign(r.path);
  key_ += '\0';
  std::string_view q = r.raw_query;
  while (!q.empty()) {
    size_t end = q.find_first_of("&;");
    std::string_view pair = q.substr(0, end), name = pair.substr(0, pair.find('='));
    q = end == q.npos ? std::string_view{} : q.substr(end + 1);
    if (pair.empty() || std::find(std::begin(left_out), std::end(left_out), name) != std::end(left_out)) continue;
    (key_ += pair) += '&';
  }
}

nanos front::wait_of(const query_options& o) {
  auto& config = parts_.rules->config;
  nanos wait = o.wait.count() <= 0 ? config.default_query_time : std::min(o.wait, config.max_query_time);
  return wait + nanos(random_.below(static_cast<uint64_t>(wait.count() / 16) + 1));
}

void front::read_state(exchange& x, connection& c, const query_kind& k) {
  query_options o;
  if (!parse_query_options(x.req, o, x.out)) return;
  // discovery_max_stale: reads of the catalog may be that old unless they say otherwise.
  const nanos may_be_old = parts_.rules->config.discovery_max_stale;
  if (k.send_consistency && o.mode == consistency::leader && !o.explicit_leader && !o.cached && may_be_old.count() > 0 && !parts_.status->catching_up.load(std::memory_order_relaxed)) {
    o.mode = consistency::stale;
    o.max_stale = may_be_old;
  }
  if (!views_.has_store()) return ask_servers(x, c, k, std::move(o));
  if (!check_options(o, k, x.out)) return;
  if (!is_current(o)) return wait_until_current(x, c, k, o);
  answer_from_state(x, c, k, o);
}

void front::answer_from_state(exchange& x, connection& c, const query_kind& k, const query_options& o) {
  response& out = x.out;
  const bool cached = o.cached && k.honours_cached;
  if (cached) c.facts().cache = "MISS";
  c.facts().consistency = k.send_consistency ? consistency_text(o.mode) : std::string_view{};
  const bool blocking = o.min_index > 0 && !k.plain;
  const auto index_of = o.near.empty() ? k.index : nullptr; // coordinates have no part in an answer's index
  if (blocking || index_of) make_key(x.req);
  if (cached) key_ += "?cached"; // an entry of its own, so that the first one who asks is told that it was a miss
  if (blocking && groups_.join(key_, o.min_index, c, wait_of(o))) return;
  sight s = look(x.req, k, o, blocking, parts_.elsewhere != nullptr, out);
  if (s.too_long) {
    out.clear();
    if (read_elsewhere(x.req, k, o, c)) return void(out.answered = true);
    s = look(x.req, k, o, blocking, false, out);
  }
  if (s.unread.code != errc::none) return refuse_unread(k, s.unread, out);
  if (s.ready) {
    out.answered = true;
    if (cached) c.facts().cache = "HIT";
    return c.send_shared(*s.ready, meta_of(k, o, s.index));
  }
  if (s.failed) {
    out.meta.present = k.meta_on_error;
    out.meta.known_leader = false;
    return;
  }
  if (blocking && s.index <= o.min_index)
    return groups_.park(key_, k, matched_prefix_, s.index, topics_, s.seen, o.min_index, c, wait_of(o));
  out.meta = meta_of(k, o, s.index);
  if (!index_of || out.status != 200) return;
  auto shared = std::make_shared<encoded_answer>(std::move(out));
  cache_.put(key_, s.valid_at, shared);
  out.clear();
  out.answered = true;
  c.send_shared(*shared, meta_of(k, o, s.index));
}

// `bounded`: others wait meanwhile. What is known to take long is not begun then.
front::sight front::look(const request& r, const query_kind& k, const query_options& o, bool blocking, bool bounded, response& out) {
  sight s;
  read_view view = views_.open();
  query_meta meta;
  topics_.clear();
  if (blocking) meta.topics = &topics_;
  http::query q{r, o, env_, view, meta, out};
  if (k.index && o.near.empty()) {
    s.valid_at = k.index(q);
    if (!view.failed()) s.ready = cache_.find(key_, s.valid_at);
    if (s.ready) s.index = s.ready->answer().meta.index;
    if (s.ready && blocking && s.index <= o.min_index) s.ready = nullptr; // it has to learn what to wait for
  }
  s.seen = view.applied_index();
  if (s.ready) return s;
  const uint64_t what = bounded ? what_takes(r.path, r.raw_query, k) : 0;
  s.too_long = long_ones_.takes_long(what) || (bounded && (r.raw_query.size() > long_query || is_laborious(o.filter)));
  if (s.too_long) return s;
  const auto began = what != 0 ? net::io_loop::clock::now() : net::io_loop::clock::time_point{};
  bounded_read bound(what != 0);
  k.run(q);
  s.too_long = bound.gave_up();
  if (what != 0) long_ones_.took(what, s.too_long ? nanos::max() : net::io_loop::clock::now() - began);
  s.index = meta.index;
  s.failed = out.status >= 400 && out.status != 404;
  if (view.failed()) s.unread = view.failure();
  return s;
}

front::rerun front::run_again(const query_group& g, bool bounded) {
  rerun r;
  size_t split = g.key.rfind('\0');
  request q;
  q.path = g.key.substr(0, split);
  q.raw_query = std::string_view(g.key).substr(split + 1);
  q.tail = std::string_view(q.path).substr(std::min(g.prefix, q.path.size()));
  parse_query(q.raw_query, q.params, q.arena);
  query_options o;
  parse_query_options(q, o, r.out);
  read_view view = views_.open();
  query_meta meta;
  meta.topics = &r.topics;
  http::query run{q, o, env_, view, meta, r.out};
  const auto began = net::io_loop::clock::now();
  const uint64_t what = what_takes(q.path, q.raw_query, g.kind);
  const bounded_read bound(bounded && parts_.elsewhere && what != 0);
  g.kind.run(run);
  r.too_long = bound.gave_up();
  long_ones_.took(what, r.too_long ? nanos::max() : net::io_loop::clock::now() - began);
  if (r.too_long) return r;
  r.index = meta.index;
  r.seen = view.applied_index();
  if (view.failed()) {
    refuse_unread(g.kind, view.failure(), r.out);
    r.failed = true;
    return r;
  }
  r.failed = r.out.status >= 400 && r.out.status != 404;
  r.out.meta = meta_of(g.kind, o, r.index);
  return r;
}

void front::send_shared(connection& c, encoded_answer& a) {
  meta_headers m = a.answer().meta;
  m.consistency = c.facts().consistency;
  c.send_shared(a, m);
}

void front::send_watch(watch_add m) {
  m.sink = self_.address();
  self_->send(parts_.watch, std::move(m));
}

void front::send_unwatch(uint64_t id) { unwatched_.push_back(id); }

} // namespace actord::http
