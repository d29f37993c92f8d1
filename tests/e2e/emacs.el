;;; Drives Emacs without a screen: opens a tasks file with the README's lines, runs a task, sees it ticked and priced.
;;; Reads what to do from BURSAR_TEST (JSON), writes what it saw to the file named there.
(require 'json)
(setq load-prefer-newer t eglot-sync-connect 60 jsonrpc-default-request-timeout 60 create-lockfiles nil make-backup-files nil)
(let* ((json-object-type 'plist)
       (todo (json-read-from-string (getenv "BURSAR_TEST")))
       (line (plist-get todo :line))
       (seen nil)
       (wait (lambda (what condition)
               (let ((ends (+ (float-time) (plist-get todo :wait_s))) (found nil))
                 (while (not (setq found (funcall condition)))
                   (when (> (float-time) ends) (error "Timed out: %s" what))
                   (accept-process-output nil 0.05))
                 found)))
       ;; While the text is read anew the server may answer that what was asked about has changed: ask again.
       (title (lambda ()
                (condition-case nil
                    (mapconcat (lambda (each) (plist-get each :title)) (bursar-lenses) " | ")
                  (jsonrpc-error ""))))
       ;; What the provider says of the last request: earlier findings are about those before it.
       (billed (lambda ()
                 (let ((rows (plist-get (json-read-file (plist-get todo :bill)) :requests)))
                   (format "\\b%d out" (plist-get (plist-get (aref rows (1- (length rows))) :billed_tokens) :output)))))
       (go-there (lambda () (goto-char (point-min)) (forward-line line))))
  (condition-case failure
      (progn
        (load (plist-get todo :readme) nil t)
        (find-file (plist-get todo :file))
        (push (cons "mode" (symbol-name major-mode)) seen)
        (apply #'eglot (eglot--guess-contact))
        (funcall go-there)
        (funcall wait "the lens with its estimate"
                 (lambda () (string-match-p "first request" (funcall title))))
        (push (cons "lens" (funcall title)) seen)
        (push (cons "hints"
                    (vconcat
                     (mapcar (lambda (each) (plist-get each :label))
                             (jsonrpc-request (eglot-current-server) :textDocument/inlayHint
                                              (list :textDocument (eglot--TextDocumentIdentifier)
                                                    :range '(:start (:line 0 :character 0)
                                                             :end (:line 9999 :character 0)))))))
              seen)
        (bursar-press)
        (funcall wait "the tick on the disk"
                 (lambda () (with-temp-buffer
                              (insert-file-contents (plist-get todo :file))
                              (forward-line line)
                              (looking-at-p "- \\[x\\]\\|\\s-+- \\[x\\]"))))
        (revert-buffer t t t)
        (funcall go-there)
        (funcall wait "the lens with the figures"
                 (lambda () (string-match-p "% cached" (funcall title))))
        (push (cons "done" (funcall title)) seen)
        (flymake-mode 1)
        (push (cons "finding"
                    (funcall wait "the finding with the last request"
                             (lambda ()
                               (flymake-start nil t)
                               (funcall go-there)
                               (seq-find (lambda (text) (string-match-p (funcall billed) text))
                                         (mapcar #'flymake-diagnostic-text
                                                 (flymake-diagnostics (line-beginning-position)
                                                                      (line-end-position)))))))
              seen))
    (error (push (cons "failure" (error-message-string failure)) seen)))
  (write-region (json-encode seen) nil (plist-get todo :out))
  (let ((server (eglot-current-server))) (when server (ignore-errors (eglot-shutdown server)))))
