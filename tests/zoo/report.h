// The outcome of a visit as Markdown: a confusion matrix and a table of the animals.
#pragma once

#include <string>

#include "zoo/judge.h"

namespace sockdog::zoo {

std::string report(const Zoo& zoo, const Visit& visit, const Verdict& verdict);

}  // namespace sockdog::zoo
