// Reads on a client agent: the call is passed on to a server as it is, and what the server answered is shown.
#include "api/endpoints/query.hpp"
#include "api/http/front.hpp"
#include <algorithm>

namespace actord::http {

namespace {
constexpr size_t most_let_go = 4096; // calls that wait
constexpr size_t long_answer = 32 << 10; // bytes; decoding more, and encoding it again, takes longer than others should wait
} // namespace

// One request that waits for a server.
struct remote_read {
  std::weak_ptr<connection> who;
  uint64_t serial = 0;
  std::shared_ptr<const bound_read> read;
  read_terms terms;
  bool asks_leader = false; // a stale answer was too old
  nanos wait{0};            // zero: it does not wait for a change
  rpc_answer answer{};
};

void front::ask_servers(exchange& x, connection& c, const bound_read& read, const query_options& o) {
  const auto& config = parts_.rules->config;
  auto r = std::make_shared<remote_read>();
  r->who = c.weak_from_this();
  r->serial = c.serial();
  r->read = read.keep();
  r->terms = o;
  if (read.options().min_query_index > 0) r->wait = o.wait.count() > 0 ? std::min(o.wait, config.max_query_time) : config.default_query_time;
  if (o.cached && read.style.honours_cached) c.facts().cache = "MISS";
  c.set_busy();
  // Of a client that has gone the call goes on. Beyond so many it is the connections that are bounded, which then stay as well.
  if (r->wait.count() > 0 && remote_waits_ < most_let_go) c.wait_for_change();
  x.out.answered = true;
  make_call(r);
}

// Equal calls that wait for a change are one.
void front::make_call(const std::shared_ptr<remote_read>& r) {
  const bool waits = r->wait.count() > 0;
  if (waits) ++remote_waits_;
  rpc_call m{std::string(r->read->method), r->read->arguments(r->asks_leader), waits ? r->wait + r->wait / 16 + parts_.rules->config.rpc_hold_timeout : nanos(0), true};
  auto gone = [] { return rpc_answer{{errc::internal, "agent is stopping"}, {}}; };
  if (!waits || r->terms.mode == consistency::consistent) {
    self_->request(parts_.cluster.rpc, caf::infinite, std::move(m)).then([this, r](rpc_answer& a) { called(r, a); }, [this, r, gone](caf::error&) {
      auto a = gone();
      called(r, a);
    });
    return;
  }
  std::string key = m.method + '\0' + m.arguments;
  auto& waiting = shared_calls_[key];
  waiting.push_back(r);
  if (waiting.size() > 1) return;
  auto all = [this, key](rpc_answer& a) {
    auto node = shared_calls_.extract(key);
    if (node.empty()) return;
    for (auto& each : node.mapped()) {
      rpc_answer copy = a;
      called(each, copy);
    }
  };
  self_->request(parts_.cluster.rpc, caf::infinite, std::move(m)).then(all, [all, gone](caf::error&) {
    auto a = gone();
    all(a);
  });
}

void front::called(const std::shared_ptr<remote_read>& r, rpc_answer& a) {
  if (r->wait.count() > 0) --remote_waits_;
  const auto asker = still_waiting(r->who, r->serial);
  if (!asker) return;
  r->answer = std::move(a);
  const auto& body = r->answer.body;
  if (r->answer.failure.code == errc::none) {
    rpc::reply_meta told;
    const bool may_be_old = r->terms.mode == consistency::stale && r->terms.max_stale.count() > 0 && !r->asks_leader;
    if (may_be_old && dispatch::read_meta(body, told) && told.last_contact > r->terms.max_stale) {
      r->asks_leader = true; // older than the request allows
      r->terms.mode = consistency::leader;
      return make_call(r);
    }
    constexpr auto per_byte = std::chrono::nanoseconds(20);
    const bool taken = body.size() > long_answer && parts_.elsewhere && parts_.elsewhere->submit(asker->source(), [this, r](reader&) {
      auto out = std::make_shared<response>();
      show_reply(*r, *out);
      loop_.post([this, r, out] { answer_remotely(*r, *out); });
    }, per_byte * body.size());
    if (taken) return;
  }
  response_.clear();
  show_reply(*r, response_);
  answer_remotely(*r, response_);
}

// In any thread.
void front::show_reply(const remote_read& r, response& out) {
  const auto& style = r.read->style;
  if (r.answer.failure.code != errc::none) {
    // Of a server's error no more than its text comes back.
    const bool absent = r.answer.failure.text.ends_with(endpoints::query::not_found);
    out.fail(absent ? error(errc::not_found, r.answer.failure.text) : r.answer.failure);
    out.meta.present = style.meta_on_error && !absent;
    out.meta.known_leader = false;
    return;
  }
  rpc::reply_meta told;
  if (!r.read->show(r.answer.body, out, told)) // what does not decode was not answered: it must not look as if there were nothing
    return refuse(style, "rpc error making call: the answer to " + std::string(r.read->method) + " does not decode", out);
  out.meta.present = !style.plain && out.meta.with_index;
  out.meta.with_index = style.tells_index;
  out.meta.index = told.index;
  out.meta.known_leader = told.known_leader;
  out.meta.last_contact_ms = static_cast<uint64_t>(std::max<int64_t>(told.last_contact.count(), 0)) / 1000000;
  if (style.send_consistency) out.meta.consistency = consistency_text(r.terms.mode);
}

void front::answer_remotely(const remote_read& r, response& out) {
  const auto c = ended_ ? nullptr : still_waiting(r.who, r.serial);
  if (c && !out.answered) c->send(out);
}

} // namespace actord::http
