// Columns of text, joined by two spaces (or as many as asked) and left aligned; the last cell of a row is not padded.
#pragma once
#include <string>
#include <vector>

namespace actord::cli {

using table_row = std::vector<std::string>;

// Lines joined by '\n', none after the last. Widths count characters (UTF-8), not bytes.
std::string render_table(const std::vector<table_row>& rows, size_t gap = 2);

} // namespace actord::cli
