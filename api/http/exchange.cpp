// What handlers call (handler.hpp), carried out by the front and the connection.
#include "api/http/front.hpp"

namespace actord::http {

bool exchange::options(query_options& o) { return parse_query_options(req, o, out); }

// discovery_max_stale: reads of the catalog may be that old unless they say otherwise.
bool exchange::options(query_options& o, const answer_style& s) {
  if (!options(o)) return false;
  const nanos may_be_old = env.config.discovery_max_stale;
  if (!s.send_consistency || may_be_old.count() <= 0 || o.mode != consistency::leader || o.explicit_leader || o.cached || env.status.catching_up.load(std::memory_order_relaxed)) return true;
  o.mode = consistency::stale;
  o.max_stale = may_be_old;
  return true;
}

void exchange::read(const bound_read& r, const query_options& o) { env.owner.read_state(*this, conn_, r, o); }

void exchange::propose(std::string bytes, const write_row& row, std::string_view of) {
  conn_.facts().tell_index = !req.params.empty() && req.has_param("at_least");
  env.owner.propose(conn_, std::move(bytes), row, of);
}

deferred exchange::defer() {
  conn_.set_busy();
  return deferred(conn_.weak_from_this(), conn_.serial());
}

deferred exchange::defer_until_change() {
  conn_.wait_for_change();
  return defer();
}

void work_on_body(exchange& x, body_work work) { x.env.owner.body_elsewhere(x, std::move(work)); }

bool deferred::alive() const { return still_waiting(conn_, serial_) != nullptr; }

uint64_t deferred::source() const {
  const auto c = conn_.lock();
  return c ? c->source() : 0;
}

void deferred::answer(const std::function<void(response&)>& fill) const {
  auto c = still_waiting(conn_, serial_);
  if (!c) return;
  response out;
  fill(out);
  c->send(out);
}

void deferred::begin_stream(std::string_view static_content_type) const {
  auto c = still_waiting(conn_, serial_);
  if (!c) return;
  response out;
  out.kind = body_kind::other;
  out.content_type = static_content_type;
  c->begin_stream(out);
}

bool deferred::write(std::string_view piece) const {
  constexpr size_t much = 256 << 10; // bytes that it has not taken: then nothing (which asks) is refused as well
  auto c = still_waiting(conn_, serial_);
  if (!c || (piece.empty() && c->held() > much)) return false;
  return c->stream_piece(piece);
}

void deferred::end() const {
  if (auto c = still_waiting(conn_, serial_)) c->end_stream();
}

} // namespace actord::http
