#include "runtime/base/json_lists.hpp"
#include <doctest/doctest.h>
#include <string>

using actord::count_json_lists;

TEST_CASE("the lists of a text are counted, wherever they stand") {
  CHECK(count_json_lists("[{}, {}, {}]").outermost == 3);
  CHECK(count_json_lists(R"([{"a": [1, 2, 3, 4, [5, 6]]}, null])").outermost == 2);
  CHECK(count_json_lists(R"([{"a": [1, 2, 3, 4, [5, 6]]}, null])").longest == 5);
  CHECK(count_json_lists(R"({"a": ["x", {"b": [true, false, null]}, 1.5e3]})").outermost == 0);
  CHECK(count_json_lists(R"({"a": ["x", {"b": [true, false, null]}, 1.5e3]})").longest == 3);
  CHECK(count_json_lists("7").longest == 0);
  CHECK(count_json_lists("").longest == 0);
  CHECK(count_json_lists("[]").outermost == 0);
  CHECK(count_json_lists("[1,2] [3,4,5]").longest == 2); // nothing behind the first value counts
  CHECK(count_json_lists("[1,2,nonsense").outermost == 2);
}

TEST_CASE("what is nested very deep costs no stack") {
  const std::string deep(200'000, '[');
  CHECK(count_json_lists(deep).longest == 1);
}
