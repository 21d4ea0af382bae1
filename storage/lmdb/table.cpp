#include "storage/lmdb/table.hpp"
#include "storage/lmdb/cursor.hpp"
#include "storage/lmdb/key_codec.hpp"
#include <algorithm>
#include <array>
#include <cstring>
#include <lmdb.h>
#include <string>
#include <vector>

namespace actord::lmdb {

namespace {

MDB_val val(std::string_view s) { return {s.size(), const_cast<char*>(s.data())}; }
std::string_view view(const MDB_val& v) { return {static_cast<const char*>(v.mv_data), v.mv_size}; }

// One place on the way of a long key: the database it is in and the entry's key there.
struct step {
  unsigned dbi = 0;
  std::array<char, 8 + chunk + 1> bytes;
  size_t size = 0;
  std::string_view key() const { return {bytes.data(), size}; }
};

step place(const table& t, uint64_t level, std::string_view rest) {
  step s;
  s.dbi = level == 0 ? t.id : t.overflow;
  if (level != 0) {
    store_be64(s.bytes.data(), level);
    s.size = 8;
  }
  auto take = std::min(rest.size(), chunk);
  if (take > 0) std::memcpy(s.bytes.data() + s.size, rest.data(), take); // an empty view may have no address
  s.size += take;
  if (rest.size() > chunk) s.bytes[s.size++] = 0;
  return s;
}

bool get_at(const transaction& txn, unsigned dbi, std::string_view key, std::string_view& value) {
  auto k = val(key);
  MDB_val v;
  const inside here(txn.whose());
  int rc = mdb_get(txn.raw(), dbi, &k, &v);
  if (rc == MDB_NOTFOUND) return false;
  if (rc != 0) raise(rc, "reading");
  value = view(v);
  return true;
}

// A cursor for one write that has to know what it replaces: the key is looked for once.
struct write_cursor {
  MDB_cursor* raw = nullptr;
  write_cursor(transaction& txn, unsigned dbi) {
    if (int rc = mdb_cursor_open(txn.raw(), dbi, &raw); rc != 0) raise(rc, "opening a cursor");
  }
  ~write_cursor() { mdb_cursor_close(raw); }
  write_cursor(const write_cursor&) = delete;
  write_cursor& operator=(const write_cursor&) = delete;
  bool find(MDB_val& key, MDB_val& old) {
    int rc = mdb_cursor_get(raw, &key, &old, MDB_SET);
    if (rc != 0 && rc != MDB_NOTFOUND) raise(rc, "looking for what is replaced");
    return rc == 0;
  }
};

// As put_at, and the sums follow.
void put_counted(transaction& txn, content_sums& sums, unsigned dbi, MDB_val k, MDB_val& value, unsigned flags) {
  sums.settle();
  const auto seed = hash_of_key(view(k));
  write_cursor cursor(txn, dbi);
  if (MDB_val old; cursor.find(k, old)) {
    sums.of[dbi] -= hash_of_entry(seed, view(old));
    flags |= MDB_CURRENT;
  }
  if (int rc = mdb_cursor_put(cursor.raw, &k, &value, flags); rc != 0) raise(rc, "writing");
  if ((flags & MDB_RESERVE) != 0) sums.leave_open(dbi, seed, static_cast<const char*>(value.mv_data), value.mv_size);
  else sums.of[dbi] += hash_of_entry(seed, view(value));
}

void put_at(transaction& txn, unsigned dbi, std::string_view key, MDB_val& value, unsigned flags) {
  auto k = val(key);
  auto* sums = txn.sums();
  const inside here(txn.whose());
  if (sums && sums->counts(dbi)) return put_counted(txn, *sums, dbi, k, value, flags);
  if (sums) sums->settle();
  if (int rc = mdb_put(txn.raw(), dbi, &k, &value, flags); rc != 0) raise(rc, "writing");
}

bool erase_at(transaction& txn, unsigned dbi, std::string_view key) {
  auto k = val(key);
  auto* sums = txn.sums();
  const inside here(txn.whose());
  if (sums) sums->settle();
  if (sums && sums->counts(dbi)) {
    write_cursor cursor(txn, dbi);
    MDB_val old;
    if (!cursor.find(k, old)) return false;
    sums->of[dbi] -= hash_of_entry(hash_of_key(key), view(old));
    if (int rc = mdb_cursor_del(cursor.raw, 0); rc != 0) raise(rc, "deleting");
    return true;
  }
  int rc = mdb_del(txn.raw(), dbi, &k, nullptr);
  if (rc != 0 && rc != MDB_NOTFOUND) raise(rc, "deleting");
  return rc == 0;
}

// The entry where the key ends; 0 = found, else the level is missing.
bool find(const transaction& txn, const table& t, std::string_view key, step& out, std::vector<step>* way = nullptr) {
  uint64_t level = 0;
  while (true) {
    out = place(t, level, key);
    if (key.size() <= chunk) return true;
    std::string_view pointer;
    if (!get_at(txn, out.dbi, out.key(), pointer) || pointer.size() != 8) return false;
    if (way) way->push_back(out);
    level = load_be64(pointer.data());
    key.remove_prefix(chunk);
  }
}

uint64_t new_level(transaction& txn, const table& t) {
  static constexpr std::array<char, 8> counter{}; // number 0 is the first level, so its key is free for the counter
  std::string_view last;
  uint64_t n = get_at(txn, t.overflow, {counter.data(), 8}, last) && last.size() == 8 ? load_be64(last.data()) + 1 : 1;
  std::array<char, 8> bytes;
  store_be64(bytes.data(), n);
  auto v = val({bytes.data(), 8});
  put_at(txn, t.overflow, {counter.data(), 8}, v, 0);
  return n;
}

step make_way(transaction& txn, const table& t, std::string_view key) {
  uint64_t level = 0;
  while (true) {
    auto s = place(t, level, key);
    if (key.size() <= chunk) return s;
    std::string_view pointer;
    if (get_at(txn, s.dbi, s.key(), pointer) && pointer.size() == 8) {
      level = load_be64(pointer.data());
    } else {
      level = new_level(txn, t);
      std::array<char, 8> bytes;
      store_be64(bytes.data(), level);
      auto v = val({bytes.data(), 8});
      put_at(txn, s.dbi, s.key(), v, 0);
    }
    key.remove_prefix(chunk);
  }
}

bool level_is_empty(const transaction& txn, const table& t, uint64_t level) {
  std::array<char, 8> prefix;
  store_be64(prefix.data(), level);
  cursor c(txn, t.overflow);
  std::string_view want{prefix.data(), 8};
  return !c.seek_from(want) || !c.key().starts_with(want);
}

bool scan_level(const transaction& txn, const table& t, uint64_t level, std::string& path, std::string_view rest, visit f, void* context) {
  if (rest.size() > chunk) {
    auto s = place(t, level, rest);
    std::string_view pointer;
    if (!get_at(txn, s.dbi, s.key(), pointer) || pointer.size() != 8) return true;
    auto kept = path.size();
    path.append(rest.substr(0, chunk));
    bool more = scan_level(txn, t, load_be64(pointer.data()), path, rest.substr(chunk), f, context);
    path.resize(kept);
    return more;
  }
  auto seek = place(t, level, rest);
  const size_t head = level == 0 ? 0 : 8;
  cursor c(txn, seek.dbi);
  const auto kept = path.size();
  for (bool more = c.seek_from(seek.key()); more && c.key().starts_with(seek.key()); more = c.next()) {
    auto local = c.key().substr(head);
    auto value = c.value();
    bool wanted = true;
    if (local.size() > chunk) {
      path.append(local.substr(0, chunk));
      wanted = scan_level(txn, t, load_be64(value.data()), path, {}, f, context);
      path.resize(kept);
    } else if (kept == 0) {
      wanted = f(context, local, value);
    } else {
      path.append(local);
      wanted = f(context, path, value);
      path.resize(kept);
    }
    if (!wanted) return false;
  }
  return true;
}

} // namespace

bool open_table(transaction& txn, const char* name, table& out) {
  const inside here(txn.whose());
  int rc = 0;
  for (auto [wanted, dbi] : {std::pair{name, &out.id}, std::pair{"overflow", &out.overflow}}) {
    rc = mdb_dbi_open(txn.raw(), wanted, 0, dbi);
    if (rc == MDB_NOTFOUND) rc = mdb_dbi_open(txn.raw(), wanted, MDB_CREATE, dbi);
    if (rc == EACCES || rc == MDB_NOTFOUND) return false;
    if (rc != 0) raise(rc, "opening a table");
  }
  return true;
}

bool get(const transaction& txn, const table& t, std::string_view key, std::string_view& value) {
  if (key.empty()) return false;
  if (key.size() <= chunk) return get_at(txn, t.id, key, value);
  step s;
  return find(txn, t, key, s) && get_at(txn, s.dbi, s.key(), value);
}

void put(transaction& txn, const table& t, std::string_view key, std::string_view value) {
  auto v = val(value);
  if (key.size() <= chunk) return put_at(txn, t.id, key, v, 0);
  auto s = make_way(txn, t, key);
  put_at(txn, s.dbi, s.key(), v, 0);
}

char* reserve(transaction& txn, const table& t, std::string_view key, size_t size) {
  MDB_val v{size, nullptr};
  if (key.size() <= chunk) {
    put_at(txn, t.id, key, v, MDB_RESERVE);
  } else {
    auto s = make_way(txn, t, key);
    put_at(txn, s.dbi, s.key(), v, MDB_RESERVE);
  }
  return static_cast<char*>(v.mv_data);
}

bool erase(transaction& txn, const table& t, std::string_view key) {
  if (key.empty()) return false;
  step s;
  std::vector<step> way;
  if (key.size() <= chunk) s = place(t, 0, key);
  else if (!find(txn, t, key, s, &way)) return false;
  if (!erase_at(txn, s.dbi, s.key())) return false;
  for (; !way.empty(); way.pop_back()) {
    std::string_view pointer;
    if (!get_at(txn, way.back().dbi, way.back().key(), pointer) || !level_is_empty(txn, t, load_be64(pointer.data()))) break;
    erase_at(txn, way.back().dbi, way.back().key());
  }
  return true;
}

size_t count(const transaction& txn, const table& t) {
  MDB_stat stat;
  if (int rc = mdb_stat(txn.raw(), t.id, &stat); rc != 0) raise(rc, "counting");
  return stat.ms_entries;
}

void scan_raw(const transaction& txn, const table& t, std::string_view prefix, visit f, void* context) {
  std::string path;
  scan_level(txn, t, 0, path, prefix, f, context);
}

} // namespace actord::lmdb
