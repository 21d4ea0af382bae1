// Any user message, push/pull state, meta, filter or payload of a query: never a crash; what decodes encodes to what decodes to
// the same; and a pool that hears all of it answers, ticks and tells its state within bounds.
#include "actors/members/core/coordinate_payload.hpp"
#include "actors/members/core/pool_core.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::members;

namespace {

gossip::node_report report(const node_name& n) {
  return {n, {std::string{127, 0, 0, 1}, 8301}, "\xff\x81\xa4role\xa1x", 1, gossip::node_state::alive, gossip::versions{1, 5, 2, 2, 5, 5}};
}

void round_trips(std::string_view in) {
  if (auto m = decode(in)) {
    auto again = decode(encode(*m));
    if (!again || !(*again == *m)) std::abort();
  }
  if (auto s = decode_state(in)) (void)decode_state(encode_state(*s));
  if (auto f = decode_filter(in))
    if (!(*decode_filter(encode_filter(*f)) == *f)) std::abort();
  if (auto k = decode_key_response(in))
    if (!(*decode_key_response(encode_key_response(*k)) == *k)) std::abort();
  (void)decode_key_request(in);
  (void)decode_coordinate(in);
  if (auto m = decode_conflict_response(in); m && *m)
    if (!(*decode_conflict_response(encode_conflict_response(&**m)) == *m)) std::abort();
  const auto tags = decode_tags(in);
  if (auto meta = encode_tags(tags))
    if (decode_tags(*meta) != tags) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  round_trips(in);
  pool_options o;
  o.members.self = "me";
  o.resolve_name_conflicts = true;
  pool_core pool(o, prng(1));
  nanos now{0};
  pool.joined(now, report("me"));
  pool.joined(now, report("other"));
  (void)pool.ask(now, {.name = "q", .want_ack = true});
  (void)pool.operate_keys(now, key_operation::list, "");
  pool.deliver(now, in);
  pool.merge(now, in, size % 2 == 0, size % 4 < 2);
  for (auto& e : pool.drain()) {
    if (const auto* q = std::get_if<tell_query>(&e)) (void)pool.answer(now, q->handle, in);
    if (const auto* k = std::get_if<tell_key_request>(&e)) (void)pool.answer_keys(now, k->handle, {.ok = true, .keys = {k->key}});
    if (const auto* b = std::get_if<broadcast>(&e)) pool.deliver(now, b->bytes); // an echo
  }
  pool.tick(now += std::chrono::hours(100));
  (void)pool.drain();
  if (!decode_state(pool.state())) std::abort();
  if (pool.members().all().size() > 2) std::abort();
  return 0;
}
