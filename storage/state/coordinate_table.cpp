#include "storage/state/coordinate_table.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/view_access.hpp"

namespace actord {

namespace state {

void update_coordinates(writing& w, const std::vector<coordinate_record>& batch) {
  for (auto& c : batch) {
    std::string_view unused;
    if (c.coord.vec.empty() || !lmdb::get(w.txn, w.t.nodes, lower(c.node), unused)) continue;
    put_record(w, w.t.coordinates, lmdb::key_of({lower(c.node), lower(c.segment)}), c);
  }
  w.raise_index("coordinates");
  w.touch(topic_kind::coordinates);
}

void forget_coordinates(writing& w, std::string_view node) {
  auto prefix = lmdb::key_of({lower(node)});
  auto doomed = keys_under<1>(w.txn, w.t.coordinates, prefix);
  if (doomed.empty()) return;
  for (auto& [segment] : doomed) lmdb::erase(w.txn, w.t.coordinates, prefix + lmdb::key_of({segment}));
  w.raise_index("coordinates");
  w.touch(topic_kind::coordinates);
}

} // namespace state

std::vector<coordinate_record> read_view::coordinates(std::string_view node, query_meta& meta) const {
  if (meta.topics) meta.topics->push_back({topic_kind::coordinates, {}});
  return guarded(impl_, [&](auto& txn, auto& t) {
    std::vector<coordinate_record> out;
    state::raise_to(meta.index, state::get_index(txn, t, "coordinates"));
    const auto prefix = node.empty() ? std::string() : lmdb::key_of({state::lower(node)});
    lmdb::scan(txn, t.coordinates, prefix, [&](std::string_view, std::string_view bytes) {
      out.push_back(state::load_record<coordinate_record>(bytes));
      return !bounded_read::stops_at_records(out.size());
    });
    return out;
  });
}

} // namespace actord
