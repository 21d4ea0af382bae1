// The front's reads that take long: made elsewhere (long_reads), their outcome taken up here in the loop.
#include "api/http/core/laborious.hpp"
#include "api/http/core/uri.hpp"
#include "api/http/elsewhere.hpp"
#include "api/http/front.hpp"
#include "storage/command/txn_weight.hpp"
#include <algorithm>

namespace actord::http {

struct long_read {
  std::weak_ptr<connection> who; // of one request; else of the group that key names
  uint64_t serial = 0, job = 0, source = 0;
  std::shared_ptr<const bound_read> read;
  read_terms terms;
  std::string key;
  bool waits = false, pretty = false, zipped = false, by_group = false;
  // Found:
  front_rerun found;
  error unread, refused; // the state could not be read; the endpoint's
  std::shared_ptr<encoded_answer> answer;
  uint64_t valid_at = 0;
  nanos time{0};

  void look(reader& views);
};

void long_read::look(reader& views) {
  const auto began = net::io_loop::clock::now();
  {
    read_view view = views.open();
    query_meta meta;
    meta.topics = &found.topics;
    if (read->is_kept()) valid_at = read->index(view);
    endpoints::look at{view, meta, endpoints::everything_allowed()};
    if (auto done = read->run(at, found.out); !done) refused = done.err();
    found.index = found.out.meta.index = meta.index; // kept with the answer, for those who get it from the cache
    found.seen = view.applied_index();
    if (view.failed()) unread = view.failure();
  }
  found.failed = unread.code != errc::none || refused.code != errc::none;
  if (!found.failed && !by_group) {
    answer = std::make_shared<encoded_answer>(std::move(found.out));
    answer->body(pretty, zipped); // made here, not in the loop
  }
  time = net::io_loop::clock::now() - began;
}

bool front::submit(std::shared_ptr<long_read> r) {
  return parts_.elsewhere->submit(r->source, [this, r](reader& views) {
    if (r->job == 0 && r->who.expired()) return; // nobody waits for it any more
    r->look(views);
    loop_.post([this, r] { read_done(*r); });
  }, long_ones_.expected(r->read->what()));
}

bool front::read_elsewhere(const bound_read& r, const read_terms& o, connection& c) {
  auto job = std::make_shared<long_read>();
  job->who = c.weak_from_this();
  job->serial = c.serial();
  job->source = c.source();
  job->read = r.keep();
  job->terms = o;
  job->key = key_;
  job->waits = r.options().min_query_index > 0;
  job->pretty = c.facts().pretty;
  job->zipped = c.facts().gzip;
  if (!submit(std::move(job))) return false;
  c.set_busy();
  return true;
}

namespace {
std::shared_ptr<long_read> read_of(const query_group& g) {
  auto r = std::make_shared<long_read>();
  r->key = g.key;
  r->read = g.read;
  return r;
}
} // namespace

// A filter that is much work is so however short the last one of this kind took.
bool front::takes_long(const query_group& g) const { return is_laborious(g.read->options().filter) || long_ones_.takes_long(g.read->what()); }

bool front::run_again_elsewhere(const query_group& g, bool known_to_be_long) {
  if (!parts_.elsewhere || !(known_to_be_long || takes_long(g))) return false;
  auto r = read_of(g);
  r->job = g.job;
  r->by_group = true;
  r->source = source_of(g);
  return submit(std::move(r));
}

// Among those who wait for one answer may be who has much else waiting: it is not made later for that. Of very many some are looked at.
uint64_t front::source_of(const query_group& g) const {
  constexpr size_t looked_at = 256;
  std::vector<uint64_t> sources;
  const size_t step = g.waiters.size() / looked_at + 1;
  for (size_t i = 0; i < g.waiters.size(); i += step) sources.push_back(g.waiters[i].who->source());
  return sources.empty() ? 0 : parts_.elsewhere->soonest(sources);
}

bool front::answer_elsewhere(const query_group& g, connection& c, bool known_to_be_long) {
  if (!parts_.elsewhere || !(known_to_be_long || takes_long(g))) return false;
  auto r = read_of(g);
  r->who = c.weak_from_this();
  r->serial = c.serial();
  r->source = c.source();
  r->pretty = c.facts().pretty;
  r->zipped = c.facts().gzip;
  return submit(std::move(r));
}

void front::read_done(long_read& r) {
  if (ended_) return;
  long_ones_.took(r.read->what(), r.time);
  const auto& style = r.read->style;
  auto meta = meta_of(style, r.terms.mode, r.found.index);
  if (r.unread.code != errc::none) refuse_unread(style, r.unread, r.found.out);
  else if (r.refused.code != errc::none) refuse_run(*r.read, r.refused, r.found.out);
  if (r.by_group) {
    if (!r.found.failed) r.found.out.meta = meta;
    return groups_.recomputed(r.key, r.job, std::move(r.found));
  }
  auto c = still_waiting(r.who, r.serial);
  if (!c) return;
  if (r.found.failed) return c->send(r.found.out);
  if (r.waits && r.found.index <= r.terms.min_index) {
    groups_.park(r.key, *r.read, r.found.index, r.found.topics, r.found.seen, r.terms.min_index, *c, wait_of(r.terms));
    return c->close_if_left();
  }
  if (r.valid_at > 0 && r.answer->answer().status == 200) cache_.put(r.key, r.valid_at, r.answer);
  meta.present = meta.present && r.answer->answer().meta.with_index;
  meta.consistency = c->facts().consistency;
  c->send_shared(*r.answer, meta);
}

void front::make_elsewhere(deferred to, std::function<void(reader&, response&)> f) {
  auto job = [this, f, to](reader& views) {
    auto found = std::make_shared<response>();
    f(views, *found);
    loop_.post([to, found] { to.answer([&](response& out) { out = std::move(*found); }); });
  };
  if (!parts_.elsewhere || !parts_.elsewhere->submit(to.source(), std::move(job))) to.answer([&](response& out) { f(views_, out); });
}

// ---- bodies -----------------------------------------------------------------------------------------------------

struct front::body_read {
  std::weak_ptr<connection> who;
  uint64_t serial;
  size_t prefix;
  request r; // views into `bytes`
  std::string bytes;
  body_work work;
  after_body then;

  body_read(const request& from, connection& c, size_t matched) : who(c.weak_from_this()), serial(c.serial()), prefix(matched) {
    size_t size = from.method.size() + from.target.size() + from.raw_query.size() + from.peer.size() + from.body.size();
    for (auto& [name, value] : from.headers) size += name.size() + value.size();
    bytes.reserve(size); // the views stay
    auto keep = [this](std::string_view text) {
      const size_t at = bytes.size();
      bytes += text;
      return std::string_view(bytes).substr(at);
    };
    r.method = keep(from.method);
    r.method_verb = from.method_verb;
    r.target = keep(from.target);
    r.path = from.path;
    r.tail = std::string_view(r.path).substr(r.path.size() - from.tail.size());
    r.raw_query = keep(from.raw_query);
    parse_query(r.raw_query, r.params, r.arena);
    for (auto& [name, value] : from.headers) {
      const auto kept_name = keep(name);
      r.headers.emplace_back(kept_name, keep(value));
    }
    r.peer = keep(from.peer);
    r.minor_version = from.minor_version;
    r.body = keep(from.body);
  }
};

void front::body_elsewhere(exchange& x, body_work work) {
  connection& c = *serving_;
  constexpr auto per_byte = std::chrono::nanoseconds(50);
  auto b = std::make_shared<body_read>(x.req, c, matched_prefix_);
  b->work = std::move(work);
  const bool taken = parts_.elsewhere && parts_.elsewhere->submit(c.source(), [this, b, source = c.source()](reader&) mutable {
    if (!b->who.expired()) b->then = b->work(b->r.body);
    loop_.post([this, b = std::move(b), source]() mutable {
      body_read_done(*b);
      // What was decoded may be a million small pieces: they are not let go of here.
      if (!ended_) (void)parts_.elsewhere->submit(source, [b = std::move(b)](reader&) {});
    });
  }, per_byte * x.req.body.size());
  if (!taken) return b->work(x.req.body)(x);
  x.out.answered = true;
  c.set_busy();
  c.hold_elsewhere(x.req.body.size());
}

void front::body_read_done(body_read& b) {
  const auto c = ended_ ? nullptr : still_waiting(b.who, b.serial);
  if (!c || !b.then) return;
  response_.clear();
  matched_prefix_ = b.prefix;
  b.r.body = {};
  exchange x(b.r, env_, response_, *c);
  c->set_busy(false);
  c->hold_elsewhere(0);
  b.then(x);
  if (!c->is_open() || c->busy() || response_.answered) return;
  if (!c->facts().line && (response_.status >= 500 || response_.status == 405)) describe(*c, b.r);
  c->set_busy();
  c->send(response_);
}

// ---- answers that are known, but not yet as they are asked for --------------------------------------------------

bool front::form_elsewhere(connection& c, encoded_answer& a, const meta_headers& meta, bool zipped) {
  if (!parts_.elsewhere) return false;
  const bool pretty = c.facts().pretty && a.is_json();
  const auto shared = a.shared_from_this();
  auto [it, fresh] = forming_.try_emplace({&a, pretty, zipped});
  auto& job = it->second;
  // In the line of each household that waits for it: none stands behind what another has waiting.
  if (const auto source = c.source(); std::find(job.sources.begin(), job.sources.end(), source) == job.sources.end()) {
    const bool taken = parts_.elsewhere->submit(source, [this, shared, begun = job.begun, compact = a.body(false, false), pretty, zipped](reader&) {
      if (begun->exchange(true)) return;
      loop_.post([this, shared, pretty, zipped, f = encoded_answer::make(*compact, pretty, zipped)] { formed(shared, pretty, zipped, f); });
    });
    if (taken) job.sources.push_back(source);
  }
  if (job.sources.empty()) {
    forming_.erase(it);
    return false;
  }
  job.waiters.push_back({c.weak_from_this(), c.serial(), shared, meta});
  c.set_busy();
  return true;
}

void front::formed(const std::shared_ptr<encoded_answer>& a, bool pretty, bool zipped, encoded_answer::form f) {
  if (ended_) return;
  a->keep(pretty, zipped, std::move(f));
  const auto waiting = forming_.extract({a.get(), pretty, zipped});
  const bool idle = formed_.empty();
  for (auto& w : waiting.mapped().waiters) formed_.push_back(w);
  if (idle) send_formed();
}

void front::send_formed() {
  constexpr size_t answers_per_turn = 64;
  for (size_t n = 0; n < answers_per_turn && !formed_.empty(); ++n) {
    const form_waiter w = std::move(formed_.front());
    formed_.pop_front();
    if (const auto c = still_waiting(w.who, w.serial)) c->send_shared(*w.answer, w.meta);
  }
  if (!formed_.empty() && !ended_) loop_.post([this] { send_formed(); });
}

// What a written transaction read may be 64 values of half a megabyte.
bool front::say_elsewhere(const pending_write& w, const apply_result& r, bool tell_index) {
  if (!parts_.elsewhere || r.failure.code != errc::none) return false;
  constexpr size_t said_here = 256 << 10;
  if (r.body.size() + (r.txn ? weight_of_results(*r.txn) : 0) <= said_here) return false;
  const auto asker = w.who.lock();
  return parts_.elsewhere->submit(asker ? asker->source() : 0, [this, w, r, tell_index](reader&) {
    auto out = std::make_shared<response>();
    show_written(w, r, tell_index, *out);
    loop_.post([this, who = w.who, serial = w.serial, out] {
      if (ended_) return;
      if (const auto c = still_waiting(who, serial)) c->send(*out);
    });
  });
}

void make_elsewhere(const environment& env, deferred to, std::function<void(response&)> f) {
  env.owner.make_elsewhere(std::move(to), [f = std::move(f)](reader&, response& out) { f(out); });
}

} // namespace actord::http
