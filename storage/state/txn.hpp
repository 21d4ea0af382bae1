// Transactions (semantics.md). Every operation runs, in order, and sees what those before it did; when one
// fails, all failing ones are listed and the caller takes everything back.
#pragma once
#include "storage/command/commands.hpp"
#include "storage/state/writing.hpp"

namespace actord::state {

// The error of one that was carried out (no errors in `out`): what it read is too much to tell.
status run_txn(writing& w, const txn_request& r, txn_response& out);

} // namespace actord::state
