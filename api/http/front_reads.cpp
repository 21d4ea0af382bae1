// The front's reads: whether the state here may answer, one answer for equal questions, and waiting for changes.
#include "api/http/core/laborious.hpp"
#include "api/http/front.hpp"
#include "api/http/handlers/refusal.hpp"
#include <algorithm>

namespace actord::http {

namespace {
constexpr size_t long_query = 2048; // takes longer to go by than others should wait

dispatch::freshness freshness_of(const read_terms& o) {
  return {.stale = o.mode == consistency::stale, .consistent = o.mode == consistency::consistent, .max_stale = o.max_stale, .at_least = o.at_least};
}
} // namespace

meta_headers front::meta_of(const answer_style& s, consistency mode, uint64_t index) const {
  const bool stale = mode == consistency::stale;
  const auto told = dispatch::meta_of(*parts_.status, stale, stale ? dispatch::steady_nanos() : 0);
  meta_headers m;
  m.present = !s.plain;
  m.with_index = s.tells_index;
  m.index = index;
  m.known_leader = told.known_leader;
  m.last_contact_ms = static_cast<uint64_t>(told.last_contact.count()) / 1000000;
  if (s.send_consistency) m.consistency = consistency_text(mode);
  return m;
}

void front::refuse(const answer_style& s, std::string_view why, response& out) {
  out.clear();
  out.text(500, why);
  if (!s.meta_on_error) return;
  out.meta.present = true;
  out.meta.known_leader = false;
}

// What a view that failed shows is no answer: neither an empty list nor a change.
void front::refuse_unread(const answer_style& s, const error& why, response& out) { refuse(s, why.text, out); }

// The endpoint's word is a server's, or the leader's.
void front::refuse_run(const bound_read& r, const error& why, response& out) {
  out.clear();
  out.fail({why.code, r.options().allow_stale ? as_server(env_, why.text) : as_leader(env_, why.text)});
  out.meta.present = r.style.meta_on_error && why.code != errc::not_found;
  out.meta.known_leader = false;
}

// The read is carried out once Raft says that it sees everything.
void front::wait_until_current(connection& c, const bound_read& r, const read_terms& o) {
  c.set_busy();
  auto p = std::make_shared<pending_read>(pending_read{c.weak_from_this(), c.serial(), r.keep(), o, key_});
  currency_.add(freshness_of(o), [this, p](const error& failure) {
    p->failure = failure;
    allowed_.put(std::move(*p));
  });
}

void front::read_allowed(const pending_read& p) {
  auto c = ended_ ? nullptr : still_waiting(p.who, p.serial);
  if (!c) return;
  response_.clear();
  key_ = p.key;
  if (p.failure.code != errc::none) refuse(p.read->style, p.failure.text, response_);
  else answer_from_state(*c, *p.read, p.terms, response_);
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

nanos front::wait_of(const read_terms& o) {
  auto& config = parts_.rules->config;
  nanos wait = o.wait.count() <= 0 ? config.default_query_time : std::min(o.wait, config.max_query_time);
  return wait + nanos(random_.below(static_cast<uint64_t>(wait.count() / 16) + 1));
}

void front::read_state(exchange& x, connection& c, const bound_read& r, const query_options& o) {
  c.facts().consistency = r.style.send_consistency ? consistency_text(o.mode) : std::string_view{};
  if (!views_.has_store()) return ask_servers(x, c, r, o);
  if (!o.datacenter.empty() && o.datacenter != parts_.rules->config.datacenter) return refuse(r.style, "No path to datacenter", x.out);
  read_terms terms = o;
  terms.laborious = x.req.raw_query.size() > long_query || is_laborious(o.filter);
  key_.clear();
  if (r.options().min_query_index > 0 || r.is_kept()) make_key(x.req);
  if (o.cached && r.style.honours_cached) key_ += "?cached"; // an entry of its own, so that the first one who asks is told that it was a miss
  if (dispatch::is_current(*parts_.status, freshness_of(o), dispatch::steady_nanos())) return answer_from_state(c, r, terms, x.out);
  x.out.answered = true;
  wait_until_current(c, r, terms);
}

void front::answer_from_state(connection& c, const bound_read& r, const read_terms& o, response& out) {
  const bool cached = o.cached && r.style.honours_cached;
  if (cached) c.facts().cache = "MISS";
  const bool blocking = r.options().min_query_index > 0;
  if (blocking && groups_.join(key_, o.min_index, c, wait_of(o))) return;
  const bool bounded = parts_.elsewhere != nullptr;
  sight s;
  s.too_long = bounded && o.laborious;
  if (!s.too_long) s = look(r, blocking, o.min_index, bounded, out);
  if (s.too_long) {
    out.clear();
    if (read_elsewhere(r, o, c)) return void(out.answered = true);
    s = look(r, blocking, o.min_index, false, out);
  }
  if (s.unread.code != errc::none) return refuse_unread(r.style, s.unread, out);
  if (s.ready) {
    out.answered = true;
    if (cached) c.facts().cache = "HIT";
    return c.send_shared(*s.ready, meta_of(r.style, o.mode, s.index));
  }
  if (s.refused.code != errc::none) return refuse_run(r, s.refused, out);
  if (blocking && s.index <= o.min_index && out.meta.with_index) return groups_.park(key_, r, s.index, topics_, s.seen, o.min_index, c, wait_of(o));
  const bool tells = out.meta.with_index; // of the state
  out.meta = meta_of(r.style, o.mode, s.index);
  out.meta.present = out.meta.present && tells;
  if (!r.is_kept() || out.status != 200) return;
  auto shared = std::make_shared<encoded_answer>(std::move(out));
  cache_.put(key_, s.valid_at, shared);
  out.clear();
  out.answered = true;
  c.send_shared(*shared, meta_of(r.style, o.mode, s.index));
}

// `bounded`: others wait meanwhile. What is known to take long is not begun then.
front::sight front::look(const bound_read& r, bool blocking, uint64_t min_index, bool bounded, response& out) {
  sight s;
  read_view view = views_.open();
  query_meta meta;
  topics_.clear();
  if (blocking) meta.topics = &topics_;
  if (r.is_kept()) {
    s.valid_at = r.index(view);
    if (s.valid_at > 0 && !view.failed()) s.ready = cache_.find(key_, s.valid_at);
    if (s.ready) s.index = s.ready->answer().meta.index;
    if (s.ready && blocking && s.index <= min_index) s.ready = nullptr; // it has to learn what to wait for
  }
  s.seen = view.applied_index();
  if (s.ready) return s;
  const uint64_t what = bounded ? r.what() : 0;
  s.too_long = long_ones_.takes_long(what);
  if (s.too_long) return s;
  const auto began = what != 0 ? net::io_loop::clock::now() : net::io_loop::clock::time_point{};
  bounded_read bound(what != 0);
  endpoints::look at{view, meta, endpoints::everything_allowed()};
  if (auto done = r.run(at, out); !done) s.refused = done.err();
  s.too_long = bound.gave_up();
  if (what != 0) long_ones_.took(what, s.too_long ? nanos::max() : net::io_loop::clock::now() - began);
  s.index = meta.index;
  if (view.failed()) s.unread = view.failure();
  return s;
}

front::rerun front::run_again(const query_group& g, bool bounded) {
  rerun r;
  read_view view = views_.open();
  query_meta meta;
  meta.topics = &r.topics;
  const auto began = net::io_loop::clock::now();
  const uint64_t what = g.read->what();
  const bounded_read bound(bounded && parts_.elsewhere && what != 0);
  endpoints::look at{view, meta, endpoints::everything_allowed()};
  const auto done = g.read->run(at, r.out);
  r.too_long = bound.gave_up();
  long_ones_.took(what, r.too_long ? nanos::max() : net::io_loop::clock::now() - began);
  if (r.too_long) return r;
  r.index = meta.index;
  r.seen = view.applied_index();
  r.failed = view.failed() || !done.ok();
  if (view.failed()) refuse_unread(g.read->style, view.failure(), r.out);
  else if (!done.ok()) refuse_run(*g.read, done.err(), r.out);
  else r.out.meta = meta_of(g.read->style, consistency::leader, r.index);
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
