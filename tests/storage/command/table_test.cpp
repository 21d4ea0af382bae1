// The table of commands is whole: who adds a kind and forgets its row fails here. That each row has a form in the log that decodes for
// ever is asked in golden_test.cpp.
#include "storage/command/table.hpp"
#include <doctest/doctest.h>
#include <set>
#include <utility>

using namespace actord;

namespace {

// Compilers print a value without a name as a cast.
template <command_kind K> constexpr bool has_name() { return std::string_view(__PRETTY_FUNCTION__).find("(actord::command_kind)") == std::string_view::npos; }
static_assert(has_name<command_kind::kv>() && !has_name<static_cast<command_kind>(99)>());

template <size_t... N> std::set<int> named_kinds(std::index_sequence<N...>) {
  std::set<int> out;
  ((has_name<static_cast<command_kind>(N)>() ? void(out.insert(static_cast<int>(N))) : void()), ...);
  return out;
}

} // namespace

TEST_CASE("each kind of command has one row, and rows differ in name, call and metrics") {
  auto wanted = named_kinds(std::make_index_sequence<256>());
  wanted.insert(static_cast<int>(lock_delay_reap));
  std::set<int> kinds;
  std::set<std::string_view> names, proposed, applied;
  for (const auto* row : command_rows()) {
    CAPTURE(row->name);
    CHECK(kinds.insert(static_cast<int>(row->kind)).second);
    CHECK(!row->name.empty());
    CHECK(names.insert(row->name).second);
    CHECK((row->proposed.empty() || proposed.insert(row->proposed).second));
    CHECK((row->applied.empty() || applied.insert(row->applied).second));
    CHECK((row->operations.empty() || !row->applied.empty()));
    CHECK(row->level >= 1);
    const char bytes[] = {static_cast<char>(row->kind)};
    CHECK(row_of({bytes, 1}) == row);
  }
  CHECK(kinds == wanted);
}

TEST_CASE("bytes of no known kind have no row") {
  CHECK(row_of("") == nullptr);
  for (int n = 0; n < 256; ++n) {
    const char bytes[] = {static_cast<char>(n)};
    const auto kind = static_cast<command_kind>(n);
    CHECK((row_of({bytes, 1}) != nullptr) == with_row_of(kind, [&](const auto& row) { CHECK(row.kind == kind); }));
  }
}
