#include "storage/state/autopilot_table.hpp"
#include "storage/state/record_codec.hpp"
#include "storage/state/view_access.hpp"

namespace actord {

namespace state {

namespace {
constexpr std::string_view only_key = "config";
} // namespace

std::optional<autopilot_config> autopilot_find(const lmdb::transaction& txn, const tables& t) {
  std::string_view bytes;
  autopilot_config out;
  if (!lmdb::get(txn, t.autopilot, only_key, bytes)) return {};
  if (!decode_record(bytes, out)) lmdb::raise_corrupt("decoding the autopilot configuration");
  return out;
}

bool autopilot_set(writing& w, const autopilot_request& r) {
  auto existing = autopilot_find(w.txn, w.t);
  if (r.cas && r.config.modify_index != (existing ? existing->modify_index : 0)) return false;
  auto next = r.config;
  next.create_index = existing ? existing->create_index : w.index;
  next.modify_index = w.index;
  std::string bytes;
  msgpack_encode(bytes, next);
  lmdb::put(w.txn, w.t.autopilot, only_key, bytes);
  return true;
}

} // namespace state

std::optional<autopilot_config> read_view::autopilot(query_meta& meta) const {
  return guarded(impl_, [&](auto& txn, auto& t) {
    auto found = state::autopilot_find(txn, t);
    if (found) state::raise_to(meta.index, found->modify_index);
    return found;
  });
}

} // namespace actord
