// Reads a file of LMDB's format (data version 1) page by page, without LMDB and without its map, and believes nothing in it:
// what LMDB would trust, and fault or lose entries on, is an error here. Linear, in bounded memory: one page per level of a
// tree, a piece of a long value, a bit per page of the file.
//
// What holds afterwards: every page of every tree is of its kind, in the file and used once (nor is it free); the entries of a
// page fill exactly the room that it says; keys ascend over the whole table and lie where a search would look for them;
// numbers of pages, of entries and of levels are those that the table's record gives. What the entries say is not known
// here: that is what the sums are for, which the caller compares.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/lmdb/digest.hpp"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::lmdb {

class page_source {
public:
  virtual ~page_source() = default;
  virtual uint64_t size() const = 0;
  // 0; `absent` where the file ends before that; else the errno of a disk that fails, which says nothing about what lies there.
  virtual int read(uint64_t at, char* to, size_t bytes) const = 0;
  static constexpr int absent = -1;
};

class file_pages : public page_source { // does not own the descriptor
public:
  explicit file_pages(int fd) : fd_(fd) {}
  uint64_t size() const override;
  int read(uint64_t at, char* to, size_t bytes) const override;

private:
  int fd_;
};

struct tree_record { // of one table, as it lies in the file
  uint16_t flags = 0, depth = 0;
  uint64_t branches = 0, leaves = 0, overflows = 0, entries = 0, root = 0;
};
struct file_head { // of one state of the file
  uint64_t page_bytes = 0, last_page = 0, transaction = 0;
  tree_record free, tables;
  uint64_t used_bytes() const { return (last_page + 1) * page_bytes; }
};

// errc::corrupt is damage, here and below; any other code says that it could not be looked at.
//
// Both heads must be in order. Gives that of the transaction, or the newest; errc::not_found when neither is of that
// transaction (any more).
result<file_head> read_head(const page_source& pages, std::optional<uint64_t> transaction = {});

struct walked_table {
  std::string name;
  uint64_t entries = 0;
  sum128 sum; // of its entries, unless the leaves were left out
};

struct walk_scope {
  // Only what a search passes on its way to the last level, which costs a hundredth. The table `collect` and the list of free
  // pages are always read whole.
  bool branches_only = false;
  std::string_view collect{}; // entries of this table are handed out by collected(), while they are few and short
  bool alone = false;         // and nothing else is read
};

class page_walk {
public:
  page_walk(const page_source& pages, const file_head& head, walk_scope scope = {});
  // Goes on for about as many bytes; true when everything was read. The error says where.
  result<bool> go(uint64_t bytes = UINT64_MAX);
  const std::vector<walked_table>& tables() const { return done_; }
  const std::map<std::string, std::string, std::less<>>& collected() const { return collected_; }
  uint64_t bytes_read() const { return bytes_; }

private:
  struct node {
    std::string_view key, value; // of a branch without value
    uint64_t child = 0;          // of a branch; of a long value its first page
    size_t size = 0;             // of the value
    bool is_table = false, is_long = false;
  };
  struct level {
    std::vector<char> page;
    uint64_t number = 0;
    size_t count = 0, next = 0;
    bool has_low = false, has_high = false;
    std::string_view low, high; // where the keys of this page lie: low <= key < high; in the pages above
  };
  struct table_walk { // of the table that is being read
    std::string name;
    tree_record record;
    bool is_free = false, is_catalogue = false;
    uint64_t branches = 0, leaves = 0, overflows = 0, entries = 0;
    sum128 sum;
    std::string last_key;
    bool has_last = false;
  };

  status begin_next();
  status finish_table();
  status enter(uint64_t page);
  status check_page(level& l, bool leaf);
  status check_branch(level& l);
  status read_leaf(level& l);
  status take_entry(const level& l, size_t at, const node& n);
  status take_free(std::string_view key, std::string_view piece, size_t offset);
  status read_long(const level& l, size_t at, const node& n, const sum128& seed);
  status claim(uint64_t page, uint64_t count, const char* what);
  status parse(const level& l, size_t at, bool leaf, node& out) const;
  bool before(std::string_view a, std::string_view b) const;
  bool leaf_level(size_t depth) const { return depth == table_.record.depth; }
  bool skips_leaves() const;
  error at(const level& l, std::string what) const;
  error unread(const level& l, std::string what, int why) const;

  const page_source& pages_;
  file_head head_;
  walk_scope scope_;
  uint64_t file_pages_;
  std::vector<bool> used_;
  std::vector<std::pair<std::string, tree_record>> waiting_; // tables found in the catalogue
  std::vector<level> levels_;
  size_t depth_ = 0;
  enum class stage : uint8_t { catalogue, tables, free, done } stage_ = stage::catalogue;
  table_walk table_;
  std::vector<char> piece_;
  uint64_t free_left_ = 0, free_last_ = 0; // of the list of free pages that is being read
  std::vector<walked_table> done_;
  std::map<std::string, std::string, std::less<>> collected_;
  uint64_t bytes_ = 0;
};

} // namespace actord::lmdb
