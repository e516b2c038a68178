// What the CLI's doctor and scan need of the kernel, without a daemon.
#pragma once

#include <memory>

#include "cli/local.h"
#include "owner/resolver.h"
#include "probe/books.h"

namespace sockdog {

class ProbeKernel : public LocalKernel {
  public:
    Result<std::vector<Capability>> capabilities() override;
    BooksPlace books_place() override;
    Result<ScanResult> scan() override;

  private:
    OwnerResolver resolver_{ProcRoot()};
};

}  // namespace sockdog
