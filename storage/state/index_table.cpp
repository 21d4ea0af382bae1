#include "storage/state/writing.hpp"

namespace actord::state {

void put_index(lmdb::transaction& txn, const tables& t, std::string_view name, uint64_t value) {
  auto* p = lmdb::reserve(txn, t.index, lower(name), 8 + name.size());
  lmdb::store_be64(p, value);
  std::memcpy(p + 8, name.data(), name.size());
}

uint64_t get_index(const lmdb::transaction& txn, const tables& t, std::string_view name) {
  return get_number(txn, t.index, lower(name));
}

bool find_index(const lmdb::transaction& txn, const tables& t, std::string_view name, uint64_t& value) {
  std::string_view v;
  if (!lmdb::get(txn, t.index, lower(name), v)) return false;
  value = load_number(v);
  return true;
}

void writing::put_common_indexes() {
  if (kvs_index != 0) put_index(txn, t, "kvs", kvs_index);
  if (tombstones_index != 0) put_index(txn, t, "tombstones", tombstones_index);
}

void writing::raise_index(std::string_view name) { put_index(txn, t, name, index); }

void writing::raise_service_index(std::string_view service) {
  std::string name = "service.";
  name += service;
  put_index(txn, t, name, index);
}

} // namespace actord::state
