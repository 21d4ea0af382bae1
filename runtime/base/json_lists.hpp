// How long the lists in a JSON text are, found without building anything: `{},` is three bytes, and what is made of it hundreds. Time is
// linear in the text, memory in its nesting.
#pragma once
#include <cstddef>
#include <string_view>

namespace actord {

struct json_lists {
  size_t outermost = 0; // elements of the text's value, where that is a list
  size_t longest = 0;   // of any in it
};
// Of what there is before the first error, and of nothing behind the first value, as json_document reads it.
json_lists count_json_lists(std::string_view text);

} // namespace actord
