// The format is that of LMDB 0.9 on little-endian machines with 64-bit words (mdb.c: MDB_page, MDB_node, MDB_meta, MDB_db).
#include "storage/lmdb/page_walk.hpp"
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace actord::lmdb {

namespace {

static_assert(std::endian::native == std::endian::little && sizeof(size_t) == 8, "LMDB's files are of the machine's word and byte order");

constexpr size_t page_header = 16, node_header = 8, tree_bytes = 48, meta_bytes = 136;
constexpr uint64_t no_page = ~uint64_t{0};
constexpr uint16_t page_branch = 0x01, page_leaf = 0x02, page_overflow = 0x04, page_meta = 0x08, page_dirty = 0x10;
constexpr uint16_t node_long = 0x01, node_table = 0x02;
constexpr uint16_t tree_numbers = 0x08; // keys are numbers: the list of free pages
constexpr uint16_t environment_file = 0x4000;
constexpr size_t most_levels = 32, most_tables = 256, most_key = 511;
constexpr size_t piece_bytes = 64 << 10;
constexpr size_t most_collected = 64, longest_collected = 4096;

template <class T> T load(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

tree_record tree_at(const char* p) {
  return {load<uint16_t>(p + 4), load<uint16_t>(p + 6), load<uint64_t>(p + 8), load<uint64_t>(p + 16), load<uint64_t>(p + 24), load<uint64_t>(p + 32), load<uint64_t>(p + 40)};
}

error damaged(std::string what) { return {errc::corrupt, std::move(what)}; }
error unreadable(const std::string& what, int why) { return {errc::internal, what + " cannot be read: " + std::strerror(why)}; }

std::optional<file_head> head_at(const char* p, uint64_t number) {
  if (load<uint64_t>(p) != number || (load<uint16_t>(p + 10) & page_meta) == 0) return {};
  const char* meta = p + page_header;
  if (load<uint32_t>(meta) != 0xBEEFC0DE || load<uint32_t>(meta + 4) != 1) return {};
  file_head h;
  h.page_bytes = load<uint32_t>(meta + 24);
  h.free = tree_at(meta + 24);
  h.tables = tree_at(meta + 24 + tree_bytes);
  h.last_page = load<uint64_t>(meta + 24 + 2 * tree_bytes);
  h.transaction = load<uint64_t>(meta + 32 + 2 * tree_bytes);
  const auto map_bytes = load<uint64_t>(meta + 16);
  if (h.page_bytes < 512 || h.page_bytes > 65536 || !std::has_single_bit(h.page_bytes)) return {};
  if (h.last_page < 1 || h.last_page >= map_bytes / h.page_bytes) return {};
  return h;
}

} // namespace

uint64_t file_pages::size() const {
  struct stat s{};
  return ::fstat(fd_, &s) == 0 ? static_cast<uint64_t>(s.st_size) : 0;
}

int file_pages::read(uint64_t at, char* to, size_t bytes) const {
  while (bytes > 0) {
    const auto n = ::pread(fd_, to, bytes, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0 ? absent : errno;
    to += n;
    at += static_cast<uint64_t>(n);
    bytes -= static_cast<size_t>(n);
  }
  return 0;
}

result<file_head> read_head(const page_source& pages, std::optional<uint64_t> transaction) {
  char bytes[page_header + meta_bytes];
  std::optional<file_head> heads[2];
  uint64_t page_bytes = 0;
  for (uint64_t n = 0; n < 2; ++n) {
    if (const int why = pages.read(n * page_bytes, bytes, sizeof bytes); why != 0)
      return why == page_source::absent ? damaged("the file is too short for a database") : unreadable("page " + std::to_string(n), why);
    heads[n] = head_at(bytes, n);
    if (!heads[n]) return damaged("page " + std::to_string(n) + " is no head of a database");
    page_bytes = heads[0]->page_bytes;
  }
  if (heads[0]->page_bytes != heads[1]->page_bytes) return damaged("the two heads contradict each other");
  if (!transaction) return *heads[heads[0]->transaction < heads[1]->transaction];
  for (auto& h : heads)
    if (h->transaction == *transaction) return *h;
  return error{errc::not_found, "the head of the transaction was overwritten"};
}

page_walk::page_walk(const page_source& pages, const file_head& head, walk_scope scope)
    : pages_(pages), head_(head), scope_(scope), file_pages_(pages.size() / head.page_bytes) {
  used_.resize(std::min(file_pages_, head_.last_page + 1));
}

error page_walk::at(const level& l, std::string what) const {
  return damaged("table \"" + table_.name + "\", page " + std::to_string(l.number) + ": " + std::move(what));
}

error page_walk::unread(const level& l, std::string what, int why) const {
  if (why == page_source::absent) return at(l, std::move(what) + "is not in the file");
  return unreadable("table \"" + table_.name + "\", page " + std::to_string(l.number) + (what.empty() ? "" : ": " + what), why);
}

bool page_walk::before(std::string_view a, std::string_view b) const {
  if (table_.is_free) return load<uint64_t>(a.data()) < load<uint64_t>(b.data());
  return a < b;
}

bool page_walk::skips_leaves() const {
  return scope_.branches_only && !table_.is_free && !table_.is_catalogue && table_.name != scope_.collect;
}

result<bool> page_walk::go(uint64_t bytes) {
  const auto end = bytes > UINT64_MAX - bytes_ ? UINT64_MAX : bytes_ + bytes;
  while (stage_ != stage::done && bytes_ < end) {
    status s;
    if (depth_ == 0) {
      s = begin_next();
    } else if (auto& top = levels_[depth_ - 1]; leaf_level(depth_) || top.next == top.count) {
      if (--depth_ == 0) s = finish_table();
    } else {
      node n;
      s = parse(top, top.next++, false, n);
      if (!s) return s.err();
      if (skips_leaves() && leaf_level(depth_ + 1)) s = claim(n.child, 1, "a page below");
      else s = enter(n.child);
    }
    if (!s) return s.err();
  }
  return stage_ == stage::done;
}

// The catalogue of tables comes first, then they, and at the end the free pages, which none of them may use.
status page_walk::begin_next() {
  table_ = {};
  if (stage_ == stage::catalogue) {
    table_.is_catalogue = true;
    table_.record = head_.tables;
  } else if (stage_ == stage::tables && !waiting_.empty()) {
    std::tie(table_.name, table_.record) = std::move(waiting_.back());
    waiting_.pop_back();
  } else if (scope_.alone) {
    stage_ = stage::done;
    return {};
  } else if (stage_ == stage::tables) {
    stage_ = stage::free;
    table_.name = "free pages";
    table_.is_free = true;
    table_.record = head_.free;
  }
  const auto& r = table_.record;
  level nowhere;
  nowhere.number = r.root;
  // The record of the free pages keeps flags of the environment beside its own: that its path names a file.
  if (table_.is_free ? (r.flags & ~environment_file) != tree_numbers : r.flags != 0) return at(nowhere, "unknown kind of table");
  if (r.depth > most_levels || (r.root == no_page) != (r.depth == 0)) return at(nowhere, "a depth of " + std::to_string(r.depth));
  if (r.root == no_page) return finish_table();
  return enter(r.root);
}

status page_walk::finish_table() {
  auto& t = table_;
  const auto& r = t.record;
  level root;
  root.number = r.root;
  if (t.branches != r.branches) return at(root, "the table has " + std::to_string(t.branches) + " branches and " + std::to_string(r.branches) + " in its record");
  if (!skips_leaves() && (t.leaves != r.leaves || t.overflows != r.overflows || t.entries != r.entries))
    return at(root, "the table has " + std::to_string(t.entries) + " entries and " + std::to_string(r.entries) + " in its record");
  if (stage_ == stage::free) {
    stage_ = stage::done;
  } else if (stage_ == stage::catalogue) {
    stage_ = stage::tables;
    if (scope_.alone) std::erase_if(waiting_, [&](auto& other) { return other.first != scope_.collect; });
  } else {
    done_.push_back({std::move(t.name), r.entries, t.sum});
  }
  return {};
}

status page_walk::claim(uint64_t page, uint64_t count, const char* what) {
  if (page < 2 || page > head_.last_page || count > head_.last_page - page + 1 || page + count > used_.size())
    return damaged("table \"" + table_.name + "\": " + what + " is page " + std::to_string(page) + ", which is not in the file");
  for (auto n = page; n < page + count; ++n) {
    if (used_[n]) return damaged("table \"" + table_.name + "\": page " + std::to_string(n) + " is used twice");
    used_[n] = true;
  }
  return {};
}

status page_walk::enter(uint64_t page) {
  if (auto s = claim(page, 1, "a page below"); !s) return s;
  if (levels_.size() <= depth_) levels_.resize(depth_ + 1);
  auto& l = levels_[depth_];
  l.page.resize(head_.page_bytes);
  l.number = page;
  l.next = 0;
  l.has_low = l.has_high = false;
  if (const int why = pages_.read(page * head_.page_bytes, l.page.data(), l.page.size()); why != 0) return unread(l, "", why);
  bytes_ += head_.page_bytes;
  if (depth_ > 0) {
    auto& up = levels_[depth_ - 1]; // stands behind the entry that led here
    l.has_low = up.has_low, l.low = up.low, l.has_high = up.has_high, l.high = up.high;
    node n;
    if (up.next > 1) {
      if (auto s = parse(up, up.next - 1, false, n); !s) return s;
      l.has_low = true, l.low = n.key;
    }
    if (up.next < up.count) {
      if (auto s = parse(up, up.next, false, n); !s) return s;
      l.has_high = true, l.high = n.key;
    }
  }
  ++depth_;
  const bool leaf = leaf_level(depth_);
  if (auto s = check_page(l, leaf); !s) return s;
  ++(leaf ? table_.leaves : table_.branches);
  return leaf ? read_leaf(l) : check_branch(l);
}

// The head of the page, and that its entries lie one beside the other in the room that it calls used.
status page_walk::check_page(level& l, bool leaf) {
  const char* p = l.page.data();
  const size_t lower = load<uint16_t>(p + 12), upper = load<uint16_t>(p + 14);
  if (load<uint64_t>(p) != l.number) return at(l, "has another number");
  if ((load<uint16_t>(p + 10) & ~page_dirty) != (leaf ? page_leaf : page_branch)) return at(l, "is of another kind");
  if (lower < page_header || lower > upper || lower % 2 != 0 || upper > l.page.size()) return at(l, "its bounds are wrong");
  l.count = (lower - page_header) / 2;
  if (l.count == 0) return at(l, "is empty");
  size_t used = 0;
  for (size_t i = 0; i < l.count; ++i) {
    node n;
    if (auto s = parse(l, i, leaf, n); !s) return s;
    const size_t in_page = node_header + n.key.size() + (!leaf ? 0 : n.is_long ? 8 : n.size);
    used += in_page + in_page % 2;
  }
  if (used != l.page.size() - upper) return at(l, "its entries do not fill the room that is used");
  return {};
}

status page_walk::parse(const level& l, size_t i, bool leaf, node& out) const {
  const char* p = l.page.data();
  const size_t upper = load<uint16_t>(p + 14), offset = load<uint16_t>(p + page_header + 2 * i);
  if (offset < upper || offset % 2 != 0 || offset + node_header > l.page.size()) return at(l, "entry " + std::to_string(i) + " lies outside");
  const char* n = p + offset;
  const uint64_t low = load<uint16_t>(n), high = load<uint16_t>(n + 2), flags = load<uint16_t>(n + 4), key = load<uint16_t>(n + 6);
  const size_t room = l.page.size() - offset - node_header;
  if (key > room || key > most_key) return at(l, "the key of entry " + std::to_string(i) + " lies outside");
  out = {};
  out.key = {n + node_header, key};
  if (table_.is_free && key != 8 && (leaf || i > 0)) return at(l, "a key is no number");
  if (!leaf) {
    out.child = low | high << 16 | flags << 32;
    return {};
  }
  if (key == 0) return at(l, "entry " + std::to_string(i) + " has no key");
  if ((flags & ~(node_long | node_table)) != 0 || flags == (node_long | node_table)) return at(l, "entry " + std::to_string(i) + " is of another kind");
  out.size = low | high << 16;
  out.is_long = flags == node_long;
  out.is_table = flags == node_table;
  const size_t here = out.is_long ? 8 : out.size;
  if (here > room - key) return at(l, "the value of entry " + std::to_string(i) + " lies outside");
  out.value = {n + node_header + key, here};
  if (out.is_long) out.child = load<uint64_t>(out.value.data());
  return {};
}

// The first key of a branch stands for everything below the second and is not looked at.
status page_walk::check_branch(level& l) {
  std::string_view last = l.low;
  bool has_last = l.has_low;
  for (size_t i = 1; i < l.count; ++i) {
    node n;
    if (auto s = parse(l, i, false, n); !s) return s;
    if (has_last && !before(last, n.key)) return at(l, "keys do not ascend");
    last = n.key;
    has_last = true;
  }
  if (l.has_high && l.count > 1 && !before(last, l.high)) return at(l, "a key is beyond its place");
  return {};
}

status page_walk::read_leaf(level& l) {
  for (size_t i = 0; i < l.count; ++i) {
    node n;
    if (auto s = parse(l, i, true, n); !s) return s;
    if (i == 0 && l.has_low && before(n.key, l.low)) return at(l, "a key is before its place");
    if (table_.has_last && !before(table_.last_key, n.key)) return at(l, "keys do not ascend");
    if (auto s = take_entry(l, i, n); !s) return s;
    if (i + 1 == l.count && l.has_high && !before(n.key, l.high)) return at(l, "a key is beyond its place");
    table_.last_key.assign(n.key);
    table_.has_last = true;
  }
  return {};
}

status page_walk::take_entry(const level& l, size_t i, const node& n) {
  ++table_.entries;
  if (n.is_table != table_.is_catalogue) return at(l, "entry " + std::to_string(i) + " is of another kind");
  if (n.is_table) {
    if (n.size != tree_bytes || waiting_.size() >= most_tables) return at(l, "entry " + std::to_string(i) + " is no table");
    waiting_.emplace_back(n.key, tree_at(n.value.data()));
    return {};
  }
  const auto seed = hash_of_key(n.key);
  if (table_.is_free) {
    free_left_ = no_page;
    if (auto s = n.is_long ? read_long(l, i, n, seed) : take_free(n.key, n.value, 0); !s) return s;
    return free_left_ == 0 ? status{} : status{at(l, "a list of free pages is too short")};
  }
  if (n.is_long) return read_long(l, i, n, seed);
  table_.sum += hash_of_entry(seed, n.value);
  if (table_.name == scope_.collect && n.size <= longest_collected && collected_.size() < most_collected) collected_.emplace(n.key, n.value);
  return {};
}

status page_walk::read_long(const level& l, size_t i, const node& n, const sum128& seed) {
  // A shorter value that took the place of a longer one keeps its pages.
  const uint64_t needed = (page_header - 1 + n.size) / head_.page_bytes + 1;
  piece_.resize(piece_bytes);
  murmur128 hash(seed);
  const auto wrong = [&](const char* what) -> status { return at(l, "the long value of entry " + std::to_string(i) + " " + what); };
  const auto failed = [&](int why) -> status { return unread(l, "the long value of entry " + std::to_string(i) + " ", why); };
  if (n.child > head_.last_page) return wrong("is not in the file");
  const auto from = n.child * head_.page_bytes;
  if (const int why = pages_.read(from, piece_.data(), page_header); why != 0) return failed(why);
  const uint64_t count = load<uint32_t>(piece_.data() + 12);
  if (load<uint64_t>(piece_.data()) != n.child || (load<uint16_t>(piece_.data() + 10) & ~page_dirty) != page_overflow || count < needed)
    return wrong("has another head");
  if (auto s = claim(n.child, count, "a long value"); !s) return s;
  table_.overflows += count;
  for (size_t done = 0;;) {
    const auto take = std::min(piece_bytes, n.size - done);
    if (const int why = pages_.read(from + page_header + done, piece_.data(), take); why != 0) return failed(why);
    bytes_ += take;
    const std::string_view piece(piece_.data(), take);
    const bool last = done + take == n.size;
    if (table_.is_free) {
      if (auto s = take_free(n.key, piece, done); !s) return s;
    } else if (last) {
      table_.sum += hash.finish(piece); // of no bytes, where nothing took the place of a long value
    } else {
      hash.blocks(piece.data(), take);
    }
    if (last) return {};
    done += take;
  }
}

// The pages that one transaction set free: their number, then they, descending.
status page_walk::take_free(std::string_view key, std::string_view piece, size_t offset) {
  const auto wrong = [&](const char* what) -> status { return damaged("free pages of transaction " + std::to_string(load<uint64_t>(key.data())) + ": " + what); };
  if (load<uint64_t>(key.data()) > head_.transaction) return wrong("it is still to come");
  for (size_t i = 0; i + 8 <= piece.size(); i += 8) {
    const auto n = load<uint64_t>(piece.data() + i);
    if (offset + i == 0) {
      free_left_ = n;
      free_last_ = no_page;
      continue;
    }
    if (free_left_ == 0) return {};
    --free_left_;
    if (n < 2 || n > head_.last_page || n >= free_last_) return wrong("a page that cannot be free");
    free_last_ = n;
    if (n >= used_.size()) continue; // never written to
    if (used_[n]) return wrong("a page that is in use");
    used_[n] = true;
  }
  return {};
}

} // namespace actord::lmdb
