"""Updates from the template that the service came from.

update.py      one update: what it needs, its steps, and what it found
answers.py     what the answers file remembers: the template, its release, the resources
rendering.py   Copier, which renders the release that the service has and the one it is to get
merging.py     git's three-way merge of these two with the service, in a folder of its own
losses.py      whether each line that the user wrote is in the result
writing.py     the result in the service's folder, which can be taken back at any moment
check.py       what neither the release nor an edit explains, and its repair
comparison.py  a service, and the render of its answers, which are compared
registries.py  lines that registries lack, or have in another order
branches.py    what merges leave of branches with other releases, features or fields
restore.py     files as the release renders them
documents.py   the documents of the release
renaming.py    a resource with another name, in renders and in the user's code
git.py         git, with settings that mean the same on every machine

Copier merges too, but with `git apply` in the user's folder and with the user's settings, which can
lose edits or put them elsewhere. Here it only renders, in a temporary folder. The service's folder
is not touched before the result is complete and nothing in it is missing.
"""
